import BerthModel
import Foundation

/// The variables that a job finds. What it sets itself wins over what Berth would set for convenience, never over what
/// says what it was given.
struct AttemptEnvironment {
    let order: AttemptOrder
    let registration: NodeRegistration
    let checkpointDirectory: String
    let socketPath: String
    /// Of a gang, a file with a member's host a line.
    var hostFile: String?
    /// Where the files are that went along with the job; nil where none did.
    var inputDirectory: String?
    /// Where results are written that take their places at the end; nil where the job publishes none.
    var outputDirectory: String?
    /// As whom it runs, where that is another user than the agent.
    var user: JobUser?

    /// `NAME=VALUE`, sorted.
    func variables() throws -> [String] {
        var variables = Self.basics
        if let user {
            variables.merge(user.variables) { _, new in new }
            // The agent's own place for temporary files is not for others.
            variables["TMPDIR"] = nil
        }
        for (name, value) in order.specification.environment {
            if case .plain(let text) = value { variables[name] = text }
        }
        for (name, value) in deviceVariables { variables[name] = value }
        variables["OMP_NUM_THREADS"] = variables["OMP_NUM_THREADS"] ?? "\(cpuCount)"
        for (name, value) in gangVariables { variables[name] = value }
        for (name, value) in try facts() { variables[name] = value }
        return variables.map { "\($0.key)=\($0.value)" }.sorted()
    }

    private var allocation: Allocation { order.allocation(on: registration.name) }
    private var devices: [(share: Allocation.DeviceShare, device: Device)] {
        allocation.devices.compactMap { share in
            registration.inventory.devices.first { $0.name == share.name }.map { (share, $0) }
        }
    }
    /// Cores, or threads where the job counts these.
    private var cpuCount: Int { order.shape.countsThreads ? allocation.cpus.count : max(1, allocation.coreCount) }

    /// What every job has; the agent's own environment does not change.
    private static let basics: [String: String] = {
        let own = ProcessInfo.processInfo.environment
        var variables = ["PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "SHELL": "/bin/sh"]
        for name in ["PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR"] {
            variables[name] = own[name] ?? variables[name]
        }
        return variables
    }()

    /// What makes the vendors' libraries show a job its own GPUs and no others: an empty list shows none.
    private var deviceVariables: [String: String] {
        var variables = [
            "CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": visible(["NVIDIA", nil]),
            // HIP counts among those that the runtime below it shows, which are the job's alone: it is set where no job
            // may see a GPU, and otherwise left to ROCR_VISIBLE_DEVICES.
            "ROCR_VISIBLE_DEVICES": visible(["AMD"]),
        ]
        if variables["ROCR_VISIBLE_DEVICES"] == "" { variables["HIP_VISIBLE_DEVICES"] = "" }
        // To Level Zero an empty mask shows everything, as none does.
        let intel = visible(["Intel"])
        if !intel.isEmpty { variables["ZE_AFFINITY_MASK"] = intel }
        let shares = devices.filter { $0.device.kind == "gpu" && $0.share.thousandths < GPURequest.whole }
        let bytes = shares.compactMap { $0.device.memoryBytes(of: $0.share) }
        if !bytes.isEmpty { variables["BERTH_GPU_MEMORY_BYTES"] = "\(bytes.reduce(0, +))" }
        for (_, device) in devices { variables.merge(device.environment) { _, new in new } }
        return variables
    }

    /// The job's GPUs of some vendors in the order of their PCI addresses: by UUID where the vendor's library takes it so,
    /// or else by their place among the node's GPUs of these vendors.
    private func visible(_ vendors: Set<String?>) -> String {
        let all = registration.inventory.devices.filter { $0.kind == "gpu" && vendors.contains($0.vendor) }
        let whole = all.filter { $0.parent == nil }
        let given = Set(devices.map(\.device.name))
        return all.filter { given.contains($0.name) }.compactMap { gpu in
            // ROCm's are GPU-XX, and hwloc knows them without the prefix; Level Zero takes none.
            let takesUUID = gpu.vendor != "Intel" && (gpu.vendor != "AMD" || gpu.uuid?.hasPrefix("GPU-") == true)
            return (takesUUID ? gpu.uuid : nil) ?? whole.firstIndex { $0.name == gpu.name }.map { "\($0)" }
        }.joined(separator: ",")
    }

    private func facts() throws -> [String: String] {
        let id = order.attempt.id
        let array = order.specification.array
        var facts = [
            "BERTH_JOB_ID": id.task.job.description, "BERTH_ATTEMPT": "\(id.number)",
            "BERTH_NODE": registration.name.text,
            "BERTH_NODES": order.attempt.allocations.map(\.node.text).joined(separator: ","),
            "BERTH_RANK": "\(rank)", "BERTH_WORLD_SIZE": "\(order.attempt.worldSize)",
            "BERTH_CPUS": "\(cpuCount)", "BERTH_CPUSET": allocation.cpus.description,
            "BERTH_MEMORY_BYTES": "\(allocation.memoryBytes)", "BERTH_DEVICES": try deviceList(),
            "BERTH_CHECKPOINT_DIR": checkpointDirectory, "BERTH_SOCKET": socketPath, "TRACEPARENT": traceParent,
        ]
        facts["BERTH_INPUT_DIR"] = inputDirectory
        facts["BERTH_OUTPUT_DIR"] = outputDirectory
        if let index = id.task.index {
            facts["BERTH_TASK_INDEX"] = "\(index)"
            facts["BERTH_TASK_VALUE"] = array?.value(of: index) ?? "\(index)"
        }
        return facts
    }

    private var rank: Int { order.attempt.rank(on: registration.name) ?? 0 }

    /// What `torch.distributed` reads (its `env://` initialisation), what `torchrun` takes its options from (`PET_…`),
    /// and where Open MPI and Hydra find the members' hosts.
    private var gangVariables: [String: String] {
        guard let rendezvous = order.rendezvous, let first = rendezvous.addresses.first else { return [:] }
        let (size, port) = ("\(order.attempt.worldSize)", "\(rendezvous.port)")
        var variables = [
            "MASTER_ADDR": first, "MASTER_PORT": port, "RANK": "\(rank)", "WORLD_SIZE": size, "LOCAL_RANK": "0",
            "LOCAL_WORLD_SIZE": "1", "PET_NNODES": size, "PET_NODE_RANK": "\(rank)", "PET_MASTER_ADDR": first,
            "PET_MASTER_PORT": port, "BERTH_ADDRESSES": rendezvous.addresses.joined(separator: ","),
        ]
        if let hostFile {
            for name in ["BERTH_HOSTFILE", "HYDRA_HOST_FILE", "OMPI_MCA_orte_default_hostfile"] {
                variables[name] = hostFile
            }
        }
        return variables
    }

    private func deviceList() throws -> String {
        let asked = Dictionary(order.shape.devices.map { ($0.kind, $0.attributes) }) { first, _ in first }
        let list = devices.map { share, device in
            DeviceEntry(
                name: device.name, kind: device.kind, model: device.model, uuid: device.uuid,
                pciAddress: device.pciAddress, count: Double(share.thousandths) / Double(GPURequest.whole),
                attributes: device.attributes, requested: asked[device.kind] ?? [:])
        }
        return try CanonicalJSON.text(of: list)
    }

    /// One device in `BERTH_DEVICES`.
    private struct DeviceEntry: Encodable {
        var name: String
        var kind: String
        var model: String?
        var uuid: String?
        var pciAddress: String?
        var count: Double
        var attributes: [String: AttributeValue]
        var requested: [String: AttributeValue]
    }

    /// W3C trace context: the job is the trace, the attempt the span.
    private var traceParent: String {
        var trace = StableHasher()
        trace.combine(order.attempt.id.task.job.description)
        trace.combine(order.specification.name)
        var span = StableHasher()
        span.combine(order.attempt.id.description)
        return "00-\(trace.text)\(span.text)-\(span.text)-01"
    }
}
