import BerthModel

/// The options of `submit` and `run`, as they were written; each has its field in a description. What is not given is
/// left as the description has it.
public struct JobOptions: Sendable {
    public var name: String?
    public var queue: String?
    public var project: String?
    public var labels: [String] = []
    public var environment: [String] = []
    public var workingDirectory: String?
    public var cpus: Int?
    public var threads = false
    public var memory: String?
    public var gpus: String?
    public var gpuModel: String?
    public var gpuMemory: String?
    public var devices: [String] = []
    public var locality: String?
    public var nodes: Int?
    public var exclusive = false
    public var constraints: [String] = []
    public var time: String?
    public var expectedTime: String?
    public var deadline: String?
    public var begin: String?
    public var hold = false
    public var after: [String] = []
    public var array: String?
    public var retry: Int?
    public var checkpoint: String?
    public var grace: String?
    public var pool: String?
    public var model: String?
    public var inputs: [String] = []
    public var results: [String] = []
    public var staged: [String] = []
    public var published: [String] = []
    public var output: String?
    public var error: String?
    public var idempotencyKey: String?

    public init() {}

    /// Changes `description` by what is given.
    ///
    /// - Parameter variables: the submitter's own environment, for `--env NAME`.
    public func apply(
        to description: inout JobDescription, _ context: JobDescription.Context, variables: [String: String]
    ) throws(DescriptionError) {
        description.place(
            workingDirectory: workingDirectory.map { JobDescription.absolute($0, context) }, checkpoint: checkpoint,
            output: output, error: error)
        var job = description.specification
        if let name {
            guard JobDescription.isName(name) else {
                throw Self.failure("--name", "has 1 to 200 printable characters", name)
            }
            job.name = name
        }
        job.queue = queue ?? job.queue
        job.project = project ?? job.project
        for label in labels {
            let (key, value) = try Self.pair(label, "--label")
            job.labels[key] = value
        }
        for variable in environment { try Self.set(variable, in: &job, variables) }
        try applyResources(to: &job.resources)
        for constraint in constraints { job.constraints.append(try Self.expression(constraint)) }
        job.timeLimit = try Self.duration(time, "--time") ?? job.timeLimit
        job.expectedTime = try Self.duration(expectedTime, "--expected-time") ?? job.expectedTime
        job.deadline = try Self.instant(deadline, "--deadline", context.now) ?? job.deadline
        job.begin = try Self.instant(begin, "--begin", context.now) ?? job.begin
        if hold { job.isHeld = true }
        if let array { job.array = try ArraySpecification(option: array) }
        if let retry {
            guard (0...1000).contains(retry) else { throw Self.failure("--retry", "is from 0 to 1000", "\(retry)") }
            if job.retry == nil { job.retry = RetryPolicy(attempts: retry) } else { job.retry?.attempts = retry }
        }
        job.grace = try Self.duration(grace, "--grace") ?? job.grace
        job.pool = pool ?? job.pool
        if let model {
            guard let reference = ModelReference(model) else {
                throw Self.failure("--model", ModelReference.rule, model)
            }
            job.model = reference
        }
        job.inputs += inputs
        job.outputs += results
        for path in published where !DirectoryManifest.isWellFormed(path) {
            throw Self.failure("--publish", "is a path within the working directory", path)
        }
        if !published.isEmpty { job.published = (job.published ?? []) + published }
        description.specification = job
        description.unsentFiles += staged
        for dependency in after { try Self.add(dependency, to: &description) }
        description.idempotencyKey = idempotencyKey ?? description.idempotencyKey
    }

    private func applyResources(to resources: inout ResourceRequest) throws(DescriptionError) {
        if let cpus {
            guard (1...100_000).contains(cpus) else { throw Self.failure("--cpus", "is from 1 to 100000", "\(cpus)") }
            resources.cpus = cpus
        }
        if threads { resources.countsThreads = true }
        if let memory { resources.memoryBytes = try Self.bytes(memory, "--memory") }
        if let gpus {
            guard let thousandths = GPURequest.thousandths(gpus) else {
                throw Self.failure("--gpus", "is a number of GPUs or a share like 0.5", gpus)
            }
            if thousandths == 0 {
                resources.gpus = nil
            } else {
                resources.gpus = resources.gpus ?? GPURequest(thousandths: thousandths)
                resources.gpus?.thousandths = thousandths
            }
        }
        if gpuModel != nil || gpuMemory != nil {
            if gpus != nil, resources.gpus == nil {
                throw DescriptionError(
                    "--gpu-model and --gpu-memory say which GPUs, and --gpus 0 asks for none. Leave one out.")
            }
            var request = resources.gpus ?? GPURequest(thousandths: GPURequest.whole)
            if let gpuModel { request.models = gpuModel.split(separator: "|").map(String.init) }
            if let gpuMemory { request.memoryBytes = try Self.bytes(gpuMemory, "--gpu-memory") }
            resources.gpus = request
        }
        for device in devices { resources.devices.append(try DeviceRequest(option: device)) }
        if let locality {
            guard let read = Locality(text: locality) else {
                throw Self.failure("--locality", "is numa, package or node, or one of them with ?", locality)
            }
            resources.locality = read
        }
        if let nodes {
            guard (1...1_000_000).contains(nodes) else {
                throw Self.failure("--nodes", "is from 1 to 1000000", "\(nodes)")
            }
            resources.nodes = nodes
        }
        if exclusive { resources.isExclusive = true }
    }

    // MARK: - Forms

    static func failure(_ option: String, _ rule: String, _ text: String) -> DescriptionError {
        DescriptionError("\(option) \(rule), and here stands \"\(text.shown)\".")
    }

    private static func pair(_ text: String, _ option: String) throws(DescriptionError) -> (String, String) {
        guard let sign = text.firstIndex(of: "="), sign > text.startIndex else {
            throw failure(option, "is NAME=VALUE", text)
        }
        return (String(text[..<sign]), String(text[text.index(after: sign)...]))
    }

    /// `NAME=VALUE`, or `NAME` for the submitter's own value.
    private static func set(_ text: String, in job: inout JobSpecification, _ variables: [String: String])
        throws(DescriptionError)
    {
        let (name, value): (String, String)
        if text.contains("=") {
            (name, value) = try pair(text, "--env")
        } else if let own = variables[text] {
            (name, value) = (text, own)
        } else {
            throw failure("--env", "is NAME=VALUE, or a NAME that is set here", text)
        }
        guard JobDescription.isVariable(name) else { throw failure("--env", "starts with a variable's name", text) }
        job.environment[name] = .plain(value)
    }

    private static func bytes(_ text: String, _ option: String) throws(DescriptionError) -> Int64 {
        guard let bytes = ByteCount.parse(text), bytes > 0 else {
            throw failure(option, "is a size like 512MiB or 4GiB", text)
        }
        return bytes
    }

    private static func duration(_ text: String?, _ option: String) throws(DescriptionError) -> Duration? {
        guard let text else { return nil }
        guard let duration = Duration(text: text) else {
            throw failure(option, "is a time like 90s, 10m, 2h30m or 7d", text)
        }
        return duration
    }

    private static func instant(_ text: String?, _ option: String, _ now: Timestamp) throws(DescriptionError)
        -> Timestamp?
    {
        guard let text else { return nil }
        if let time = Timestamp(text) { return time }
        guard text.hasPrefix("+"), let wait = Duration(text: text.dropFirst()),
            Timestamp((now + wait).description) != nil
        else {
            throw failure(option, "is a time like 2026-12-01T08:00:00Z or +2h", text)
        }
        return now + wait
    }

    private static func expression(_ text: String) throws(DescriptionError) -> Expression {
        do { return try Expression(text) } catch {
            throw failure(
                "--constraint", "is an expression (\(error.problem), at character \(error.position + 1))", text)
        }
    }

    /// `JOB[:WHEN]`
    private static func add(_ text: String, to description: inout JobDescription) throws(DescriptionError) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let condition = parts.count == 2 ? Dependency.Condition(rawValue: parts[1]) : .succeeded,
            !parts[0].isEmpty
        else { throw failure("--after", "is JOB or JOB:WHEN with succeeded, failed, ended or started", text) }
        description.addDependency(parts[0], condition)
    }
}

extension DeviceRequest {
    /// `KIND[:N][,ATTRIBUTE=VALUE…]`
    init(option text: String) throws(DescriptionError) {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        let head = parts[0].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard !head[0].isEmpty, let count = head.count == 2 ? Int(head[1]) : 1, (1...100_000).contains(count) else {
            throw JobOptions.failure("--device", "is KIND[:N][,ATTRIBUTE=VALUE…]", text)
        }
        self.init(kind: head[0], count: count)
        for part in parts.dropFirst() {
            guard let sign = part.firstIndex(of: "="), case let name = String(part[..<sign]), !name.isEmpty,
                name != "kind", name != "count"
            else { throw JobOptions.failure("--device", "is KIND[:N][,ATTRIBUTE=VALUE…]", text) }
            attributes[name] = Self.attribute(String(part[part.index(after: sign)...]))
        }
    }
}

extension DeviceRequest {
    /// What the same text would be in a description.
    private static func attribute(_ text: String) -> AttributeValue {
        if text == "true" || text == "false" { return .flag(text == "true") }
        guard text.utf8.allSatisfy({ ($0 >= 48 && $0 <= 57) || "+-.eE".utf8.contains($0) }), let number = Double(text),
            number.isFinite
        else { return .text(text) }
        return .number(number)
    }
}

extension ArraySpecification {
    /// `N`, `A-B` or `A,B,…`, then `%PARALLEL`: N tasks from 0, indices, or (where one is no number) values.
    init(option text: String) throws(DescriptionError) {
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let parallel = parts.count == 2 ? Int(parts[1]) : nil
        let rule = "is N, A-B or A,B,… with at most \(Self.limit) tasks, and perhaps %PARALLEL"
        guard !parts[0].isEmpty, parts.count == 1 || (1...Self.limit).contains(parallel ?? 0) else {
            throw JobOptions.failure("--array", rule, text)
        }
        if let count = Int(parts[0]) {
            guard (1...Self.limit).contains(count) else { throw JobOptions.failure("--array", rule, text) }
            self.init(indices: IndexRanges(0..<count), parallel: parallel)
        } else if let ranges = IndexRanges(parts[0]) {
            guard (1...Self.limit).contains(ranges.count) else { throw JobOptions.failure("--array", rule, text) }
            self.init(indices: ranges, parallel: parallel)
        } else {
            let values = parts[0].split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            // Digits alone were meant as indices, and an empty value is a comma too many.
            let isMeantAsIndices = parts[0].utf8.allSatisfy { ($0 >= 48 && $0 <= 57) || ",-".utf8.contains($0) }
            guard (2...Self.limit).contains(values.count), !values.contains(""), !isMeantAsIndices else {
                throw JobOptions.failure("--array", rule, text)
            }
            self.init(values: values, parallel: parallel)
        }
    }
}
