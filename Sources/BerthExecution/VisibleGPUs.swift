package import BerthModel

/// What makes the vendors' libraries show a job its own GPUs and no others, in the order of their PCI addresses.
package struct VisibleGPUs {
    private let gpus: [Device]
    private let given: Set<String>

    /// - Parameters:
    ///   - devices: the node's.
    ///   - given: the names of those that the job holds.
    package init(of devices: [Device], given: Set<String>) {
        gpus = devices.filter { $0.kind == "gpu" }
        self.given = given
    }

    /// An empty list shows none.
    package var variables: [String: String] {
        var variables = [
            "CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": list(of: ["NVIDIA", nil]),
            "ROCR_VISIBLE_DEVICES": list(of: ["AMD"]),
        ]
        // HIP counts among those that the runtime below it shows, which are the job's alone: it is set where no job may see
        // a GPU, and otherwise left to ROCR_VISIBLE_DEVICES.
        if variables["ROCR_VISIBLE_DEVICES"] == "" { variables["HIP_VISIBLE_DEVICES"] = "" }
        // To Level Zero an empty mask shows everything, as none does. Places in a mask are those of whole GPUs by PCI address
        // only where both of the others are set so: by default the order is the driver's, and a GPU's tiles may have a place
        // each (Level Zero's specification, "Environment Variables"; Intel's compute runtime).
        let intel = list(of: ["Intel"])
        if !intel.isEmpty {
            variables["ZE_AFFINITY_MASK"] = intel
            variables["ZE_ENABLE_PCI_ID_DEVICE_ORDER"] = "1"
            variables["ZE_FLAT_DEVICE_HIERARCHY"] = "COMPOSITE"
        }
        return variables
    }

    /// The job's GPUs of some vendors: by UUID where the vendor's library takes it so, or else by their place among those
    /// that the driver tells of; one that it does not tell of is unusable and has no UUID.
    private func list(of vendors: Set<String?>) -> String {
        let all = gpus.filter { vendors.contains($0.vendor) }
        let whole = all.filter { $0.parent == nil && ($0.uuid != nil || $0.health == .healthy) }
        return all.filter { given.contains($0.name) }.compactMap { gpu in
            // ROCm's are GPU-XX, and hwloc knows them without the prefix; Level Zero takes none.
            let takesUUID = gpu.vendor != "Intel" && (gpu.vendor != "AMD" || gpu.uuid?.hasPrefix("GPU-") == true)
            return (takesUUID ? gpu.uuid : nil) ?? whole.firstIndex { $0.name == gpu.name }.map { "\($0)" }
        }.joined(separator: ",")
    }
}
