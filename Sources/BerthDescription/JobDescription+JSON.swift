import BerthModel
public import Foundation

/// A description as JSON: how the command line sends it and how it can be shown. What is read back is the same.
extension JobDescription {
    public var json: [String: Any] {
        let job = specification
        var fields: [String: Any] = [
            "name": job.name, "workingDirectory": job.workingDirectory, "resources": job.resources.json,
        ]
        if !job.queue.isEmpty { fields["queue"] = job.queue }
        if let script = job.script { fields["script"] = script } else { fields["command"] = job.command }
        fields["environment"] = job.environment.compactMapValues { value -> String? in
            if case .plain(let text) = value { text } else { nil }
        }
        fields["project"] = job.project
        fields["labels"] = job.labels
        if !job.alternatives.isEmpty { fields["alternatives"] = job.alternatives.map(\.json) }
        if !job.constraints.isEmpty { fields["constraints"] = job.constraints.map(\.text) }
        fields["timeLimit"] = job.timeLimit?.descriptionText
        fields["expectedTime"] = job.expectedTime?.descriptionText
        fields["deadline"] = job.deadline?.description
        fields["begin"] = job.begin?.description
        if job.isHeld { fields["hold"] = true }
        fields["retry"] = job.retry?.json
        var preemption: [String: Any] = [:]
        preemption["grace"] = job.grace?.descriptionText
        preemption["checkpoint"] = job.checkpointDirectory
        if !preemption.isEmpty { fields["preemption"] = preemption }
        let after =
            job.dependencies.map { ["job": $0.job.description, "when": $0.condition.rawValue] }
            + afterNames.map { ["job": $0.name, "when": $0.condition.rawValue] }
        if !after.isEmpty { fields["after"] = after }
        fields["array"] = job.array?.json
        fields["pool"] = job.pool
        fields["model"] = job.model?.description
        if !job.inputs.isEmpty { fields["inputs"] = job.inputs }
        if !job.outputs.isEmpty { fields["outputs"] = job.outputs }
        let staged: [Any] =
            unsentFiles
            + (job.staged ?? []).map { ["path": $0.path, "sha256": $0.sha256, "bytes": $0.bytes] as [String: Any] }
        if !staged.isEmpty { fields["stage"] = staged }
        if let published = job.published, !published.isEmpty { fields["publish"] = published }
        fields["output"] = job.standardOutput
        fields["error"] = job.standardError
        if let code = job.code {
            fields["code"] =
                ["repository": code.repository, "commit": code.commit, "dirty": code.isDirty] as [String: Any]
        }
        return fields
    }

    /// A submission as it goes over HTTP.
    public static func body(_ jobs: [JobDescription], key: String) throws -> Data {
        try JSONSerialization.data(
            withJSONObject: ["key": key, "jobs": jobs.map(\.json)] as [String: Any],
            options: [.sortedKeys, .withoutEscapingSlashes])
    }

    /// Reads a submission that came over HTTP.
    public static func submission(_ bytes: [UInt8], _ context: Context) throws(DescriptionError)
        -> (key: String, jobs: [JobDescription])
    {
        let document = try Document.json(bytes, file: "submission")
        var fields = try Fields(document, "the submission")
        let key = try fields.required("key").text("key")
        guard (1...200).contains(key.utf8.count) else {
            throw document.failure("an idempotency key has 1 to 200 bytes")
        }
        var jobs: [JobDescription] = []
        for job in try fields.required("jobs").list("jobs") { jobs.append(try JobDescription(job, context)) }
        try fields.finish()
        if let path = jobs.flatMap(\.unsentFiles).first {
            throw document.failure(
                "stage names \"\(path.shown)\" without its content; over HTTP it has path, sha256 and bytes, and is PUT to /api/v1/files/SHA256 before"
            )
        }
        return (key, jobs)
    }
}

extension Duration {
    /// Exact, and read back as it is: `12.5s`.
    fileprivate var descriptionText: String {
        let (seconds, rest) = (microseconds / 1_000_000, microseconds % 1_000_000)
        return rest == 0 ? "\(seconds)s" : "\(seconds).\(String(rest + 1_000_000).dropFirst())s"
    }
}

extension ResourceRequest {
    fileprivate var json: [String: Any] {
        var fields: [String: Any] = ["cpus": cpus, "locality": locality.description]
        if countsThreads { fields["threads"] = true }
        fields["memory"] = memoryBytes
        if let gpus {
            var request: [String: Any] = ["count": Double(gpus.thousandths) / Double(GPURequest.whole)]
            if !gpus.models.isEmpty { request["model"] = gpus.models.joined(separator: "|") }
            request["memory"] = gpus.memoryBytes
            request["link"] = gpus.link?.rawValue
            fields["gpus"] = request
        }
        if !devices.isEmpty {
            fields["devices"] = devices.map { device -> [String: Any] in
                device.attributes.mapValues(\.json).merging(["kind": device.kind, "count": device.count]) { _, new in
                    new
                }
            }
        }
        if nodes > 1 { fields["nodes"] = nodes }
        if isExclusive { fields["exclusive"] = true }
        fields["throughput"] = throughput?.rates
        return fields
    }
}

extension AttributeValue {
    fileprivate var json: Any {
        switch self {
        case .number(let number): number
        case .text(let text): text
        case .flag(let flag): flag
        case .list(let items): items
        }
    }
}

extension RetryPolicy {
    fileprivate var json: [String: Any] {
        var fields: [String: Any] = [
            "attempts": attempts, "on": on.map(\.rawValue).sorted(), "backoff": backoff.json,
        ]
        if !rules.isEmpty { fields["rules"] = rules.map(\.json) }
        return fields
    }
}

extension RetryPolicy.Backoff {
    fileprivate var json: [String: Any] {
        [
            "initial": initial.descriptionText, "factor": factor, "maximum": maximum.descriptionText,
            "jitter": jitter.map { $0 as Any } ?? "full",
        ]
    }
}

extension RetryPolicy.Rule {
    fileprivate var json: [String: Any] {
        var fields: [String: Any] = ["on": on.map(\.rawValue), "action": action.rawValue]
        fields["exitCodes"] = exitCodes?.description
        fields["signals"] = signals
        fields["attempts"] = attempts
        fields["backoff"] = backoff?.json
        if let memory {
            var growth: [String: Any] = ["factor": memory.factor]
            growth["maximum"] = memory.maximumBytes
            fields["memory"] = growth
        }
        return fields
    }
}

extension ArraySpecification {
    fileprivate var json: [String: Any] {
        var fields: [String: Any] = values.isEmpty ? ["indices": indices.description] : ["values": values]
        fields["parallel"] = parallel
        return fields
    }
}
