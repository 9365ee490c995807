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
    /// Where its model server is, and what is asked of it.
    var serverVariables: [String: String] = [:]
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

    /// What makes a job see its own devices, and what their owner declared for them.
    var deviceVariables: [String: String] {
        var variables = VisibleGPUs(
            of: registration.inventory.devices, given: Set(devices.map(\.device.name))
        ).variables
        let shares = devices.filter { $0.device.kind == "gpu" && $0.share.thousandths < GPURequest.whole }
        let bytes = shares.compactMap { $0.device.memoryBytes(of: $0.share) }
        if !bytes.isEmpty { variables["BERTH_GPU_MEMORY_BYTES"] = "\(bytes.reduce(0, +))" }
        for (_, device) in devices { variables.merge(device.environment) { _, new in new } }
        return variables
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
        facts.merge(serverVariables) { _, new in new }
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
