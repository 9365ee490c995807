import BerthModel
import Foundation

/// The variables that a job finds. What it sets itself wins over what Berth would set for convenience, never over what
/// says what it was given.
struct AttemptEnvironment {
    let order: AttemptOrder
    let registration: NodeRegistration
    let checkpointDirectory: String
    let socketPath: String

    /// `NAME=VALUE`, sorted.
    func variables() throws -> [String] {
        var variables = basics
        for (name, value) in order.specification.environment {
            if case .plain(let text) = value { variables[name] = text }
        }
        for (name, value) in deviceVariables { variables[name] = value }
        variables["OMP_NUM_THREADS"] = variables["OMP_NUM_THREADS"] ?? "\(cpuCount)"
        for (name, value) in try facts() { variables[name] = value }
        return variables.map { "\($0.key)=\($0.value)" }.sorted()
    }

    private var allocation: Allocation { order.attempt.allocation }
    private var devices: [(share: Allocation.DeviceShare, device: Device)] {
        allocation.devices.compactMap { share in
            registration.inventory.devices.first { $0.name == share.name }.map { (share, $0) }
        }
    }
    /// Cores, or threads where the job counts these.
    private var cpuCount: Int { order.shape.countsThreads ? allocation.cpus.count : max(1, allocation.coreCount) }

    private var basics: [String: String] {
        let own = ProcessInfo.processInfo.environment
        var variables = ["PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "SHELL": "/bin/sh"]
        for name in ["PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR"] {
            variables[name] = own[name] ?? variables[name]
        }
        return variables
    }

    private var deviceVariables: [String: String] {
        // Without a UUID a GPU goes by its place among the node's, which are listed by PCI address.
        let all = registration.inventory.devices.filter { $0.kind == "gpu" }.map(\.name)
        let gpus = devices.filter { $0.device.kind == "gpu" }.map { gpu in
            gpu.device.uuid ?? "\(all.firstIndex(of: gpu.device.name) ?? 0)"
        }
        var variables = [
            "CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": gpus.joined(separator: ","),
            "HIP_VISIBLE_DEVICES": gpus.joined(separator: ","),
        ]
        for (_, device) in devices { variables.merge(device.environment) { _, new in new } }
        return variables
    }

    private func facts() throws -> [String: String] {
        let id = order.attempt.id
        let array = order.specification.array
        var facts = [
            "BERTH_JOB_ID": id.task.job.description, "BERTH_ATTEMPT": "\(id.number)",
            "BERTH_NODE": registration.name.text,
            "BERTH_NODES": registration.name.text, "BERTH_RANK": "0", "BERTH_WORLD_SIZE": "1",
            "BERTH_CPUS": "\(cpuCount)", "BERTH_CPUSET": allocation.cpus.description,
            "BERTH_MEMORY_BYTES": "\(allocation.memoryBytes)", "BERTH_DEVICES": try deviceList(),
            "BERTH_CHECKPOINT_DIR": checkpointDirectory, "BERTH_SOCKET": socketPath, "TRACEPARENT": traceParent,
        ]
        if let index = id.task.index {
            facts["BERTH_TASK_INDEX"] = "\(index)"
            facts["BERTH_TASK_VALUE"] = array?.value(of: index) ?? "\(index)"
        }
        return facts
    }

    private func deviceList() throws -> String {
        let asked = Dictionary(order.shape.devices.map { ($0.kind, $0.attributes) }) { first, _ in first }
        let list = devices.map { share, device in
            DeviceEntry(
                name: device.name, kind: device.kind, model: device.model, uuid: device.uuid,
                pciAddress: device.pciAddress, count: Double(share.thousandths) / Double(GPURequest.whole),
                attributes: device.attributes, requested: asked[device.kind] ?? [:])
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(list), as: UTF8.self)
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
