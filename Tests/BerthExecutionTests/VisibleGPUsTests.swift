import BerthExecution
import BerthModel
import Testing

/// What a job is shown of its node's GPUs.
struct VisibleGPUsTests {
    /// Two GPUs of a vendor; the first is one that no driver tells of.
    private func node(_ vendor: String, uuids: [String?]) -> [Device] {
        var unknown = Device(name: "gpu0", kind: "gpu", vendor: vendor, pciAddress: "0000:10:00.0")
        unknown.health = .unusable("present, but no driver tells of it")
        return [unknown]
            + uuids.enumerated().map { index, uuid in
                Device(
                    name: "gpu\(index + 1)", kind: "gpu", vendor: vendor, pciAddress: "0000:2\(index):00.0", uuid: uuid)
            }
    }

    @Test func `NVIDIA's and AMD's GPUs are named by UUID in PCI order`() {
        let nvidia = VisibleGPUs(of: node("NVIDIA", uuids: ["GPU-a", "GPU-b"]), given: ["gpu2", "gpu1"]).variables
        #expect(nvidia["CUDA_VISIBLE_DEVICES"] == "GPU-a,GPU-b" && nvidia["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID")
        #expect(nvidia["ROCR_VISIBLE_DEVICES"] == "" && nvidia["HIP_VISIBLE_DEVICES"] == "")
        let amd = VisibleGPUs(of: node("AMD", uuids: ["GPU-0a", "GPU-0b"]), given: ["gpu2"]).variables
        #expect(amd["ROCR_VISIBLE_DEVICES"] == "GPU-0b" && amd["HIP_VISIBLE_DEVICES"] == nil)
        #expect(amd["CUDA_VISIBLE_DEVICES"] == "")
    }

    @Test func `Intel's are named by their place among those that the driver tells of`() {
        let one = VisibleGPUs(of: node("Intel", uuids: ["10", "20"]), given: ["gpu2"]).variables
        #expect(one["ZE_AFFINITY_MASK"] == "1")
        #expect(one["ZE_ENABLE_PCI_ID_DEVICE_ORDER"] == "1" && one["ZE_FLAT_DEVICE_HIERARCHY"] == "COMPOSITE")
        let none = VisibleGPUs(of: node("Intel", uuids: ["10", "20"]), given: []).variables
        #expect(none.keys.allSatisfy { !$0.hasPrefix("ZE_") })
    }

    @Test func `a GPU whose UUID ROCm would not take has a place too`() {
        let variables = VisibleGPUs(of: node("AMD", uuids: [nil, "8ac1"]), given: ["gpu1", "gpu2"]).variables
        #expect(variables["ROCR_VISIBLE_DEVICES"] == "0,1")
    }

    @Test func `an instance of a divided GPU is named by its own UUID and takes no place`() {
        var part = Device(name: "gpu0-mig1", kind: "gpu", vendor: "NVIDIA", uuid: "MIG-1")
        part.parent = "gpu0"
        let devices = [Device(name: "gpu0", kind: "gpu", vendor: "NVIDIA"), part, Device(name: "gpu1", kind: "gpu")]
        let variables = VisibleGPUs(of: devices, given: ["gpu0-mig1", "gpu1"]).variables
        #expect(variables["CUDA_VISIBLE_DEVICES"] == "MIG-1,1")
    }
}
