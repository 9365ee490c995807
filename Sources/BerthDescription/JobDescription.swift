public import BerthModel
public import BerthScheduling

/// A job as somebody describes it: a specification, and dependencies that may name other jobs of the same submission.
public struct JobDescription: Sendable {
    public var specification: JobSpecification
    /// Dependencies on jobs of the same submission, by name.
    public var afterNames: [(name: String, condition: Dependency.Condition)] = []
    public var idempotencyKey: String?
    /// Files and directories that are to go along with the job and are not in its specification yet: their content has to
    /// be sent first.
    public var unsentFiles: [String] = []
    /// Paths as they were written, so that another working directory still moves those that are relative.
    private var written = Paths()

    private struct Paths: Sendable {
        var checkpoint: String?
        var output: String?
        var error: String?
    }

    public init(_ specification: JobSpecification) { self.specification = specification }

    /// What a description leaves to its surroundings.
    public struct Context: Sendable {
        /// Absolute: what relative working directories start from.
        public var directory: String
        public var defaultQueue: String
        public var now: Timestamp

        public init(directory: String, defaultQueue: String, now: Timestamp) {
            self.directory = directory
            self.defaultQueue = defaultQueue
            self.now = now
        }
    }

    /// Reads every job of a file.
    public static func all(_ bytes: [UInt8], file: String, _ context: Context) throws(DescriptionError)
        -> [JobDescription]
    {
        let documents = try Document.all(bytes, file: file)
        guard !documents.isEmpty else { throw DescriptionError(file, nil, "it describes no job") }
        var jobs: [JobDescription] = []
        for document in documents { jobs.append(try JobDescription(document, context)) }
        return jobs
    }

    init(_ document: Document, _ context: Context) throws(DescriptionError) {
        var fields = try Fields(document, "the job")
        if let version = try fields.text("apiVersion"), version != "berth/v1" {
            throw document.failure("apiVersion is berth/v1, and here stands \"\(version)\"")
        }
        if let kind = try fields.text("kind"), kind != "Job" {
            throw document.failure("kind is Job, and here stands \"\(kind)\"")
        }
        var job = JobSpecification(name: "", workingDirectory: context.directory, queue: context.defaultQueue)
        try Self.readCommand(&job, &fields, document)
        if let directory = try fields.text("workingDirectory") {
            job.workingDirectory = Self.absolute(directory, context)
        }
        try Self.readEnvironment(&job, &fields)
        job.queue = try fields.text("queue") ?? job.queue
        job.project = try fields.text("project")
        job.labels = try fields.textMapping("labels") ?? [:]
        if let resources = fields.optional("resources") { job.resources = try ResourceRequest(resources, "resources") }
        for alternative in try fields.optional("alternatives")?.list("alternatives") ?? [] {
            job.alternatives.append(try ResourceRequest(alternative, "alternatives"))
        }
        for constraint in try fields.optional("constraints")?.list("constraints") ?? [] {
            job.constraints.append(try constraint.expression("constraints"))
        }
        job.timeLimit = try fields.duration("timeLimit")
        job.expectedTime = try fields.duration("expectedTime")
        job.deadline = try fields.optional("deadline")?.instant("deadline", now: context.now)
        job.begin = try fields.optional("begin")?.instant("begin", now: context.now)
        job.isHeld = try fields.flag("hold") ?? false
        job.retry = try fields.optional("retry").map(RetryPolicy.init(document:))
        let checkpoint = try Self.readPreemption(&job, &fields)
        job.array = try fields.optional("array").map(ArraySpecification.init(document:))
        job.pool = try fields.text("pool")
        if let model = fields.optional("model") { job.model = try model.model("model") }
        job.inputs = try fields.texts("inputs") ?? []
        job.outputs = try fields.texts("outputs") ?? []
        job.published = try fields.texts("publish")
        for path in job.published ?? [] where !DirectoryManifest.isWellFormed(path) {
            throw document.failure(
                "publish names \"\(path.shown)\", which is no path within the working directory, like plots/loss.png")
        }
        let staged = try StagedFile.list(&fields)
        if !staged.files.isEmpty { job.staged = staged.files }
        let (output, error) = (try fields.text("output"), try fields.text("error"))
        if let code = fields.optional("code") { job.code = try CodeState(document: code) }
        job.name = try fields.text("name") ?? Self.defaultName(job)
        guard Self.isName(job.name) else {
            throw document.failure("a job's name has 1 to 200 printable characters, and \"\(job.name.shown)\" has not")
        }
        specification = job
        unsentFiles = staged.unsent
        place(checkpoint: checkpoint, output: output, error: error)
        for after in try fields.optional("after")?.list("after") ?? [] { try readDependency(after) }
        idempotencyKey = try fields.text("idempotencyKey")
        try fields.finish()
    }

    private static func readCommand(_ job: inout JobSpecification, _ fields: inout Fields, _ document: Document)
        throws(DescriptionError)
    {
        let command = fields.optional("command")
        job.script = try fields.text("script")
        switch (command, job.script) {
        case (let command?, nil):
            guard case .list = command.content else {
                throw command.failure(
                    "command is a list, the program first ([python3, train.py]); for a line of shell write script:")
            }
            job.command = try command.texts("command")
            guard job.command.first?.isEmpty == false else { throw command.failure("command names no program") }
        case (nil, let script?):
            guard !script.allSatisfy(\.isWhitespace) else { throw document.failure("script is empty") }
        case (nil, nil): throw document.failure("the job needs command or script")
        case (let command?, _?): throw command.failure("the job has both command and script; keep one of them")
        }
    }

    private static func readEnvironment(_ job: inout JobSpecification, _ fields: inout Fields) throws(DescriptionError)
    {
        guard let document = fields.optional("environment") else { return }
        guard case .mapping(let entries) = document.content else {
            throw document.failure("environment maps names to values, and here stands \(document.kind)")
        }
        for (name, value) in entries {
            guard isVariable(name) else { throw value.failure("\"\(name)\" is no name of an environment variable") }
            job.environment[name] = .plain(try value.text("environment.\(name)"))
        }
    }

    /// Letters, digits and `_`, not a digit first; what shells take, and `.` and `-` that some programs use.
    static func isVariable(_ name: String) -> Bool {
        guard let first = name.utf8.first, name.utf8.count <= 256 else { return false }
        return !(first >= 48 && first <= 57)
            && name.utf8.allSatisfy { byte in
                (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122)
                    || "_.-".utf8.contains(byte)
            }
    }

    static func isName(_ name: String) -> Bool {
        !name.isEmpty && name.count <= 200 && name.utf8.count <= 1000
            && !name.unicodeScalars.contains(where: \.isControl)
    }

    /// - Returns: the checkpoint directory as it is written.
    private static func readPreemption(_ job: inout JobSpecification, _ fields: inout Fields) throws(DescriptionError)
        -> String?
    {
        guard let document = fields.optional("preemption") else { return nil }
        var preemption = try Fields(document, "preemption")
        job.grace = try preemption.duration("grace")
        let checkpoint = try preemption.text("checkpoint")
        try preemption.finish()
        return checkpoint
    }

    /// Sets the paths that are given; with a working directory, those set before are looked up from there.
    mutating func place(workingDirectory: String? = nil, checkpoint: String?, output: String?, error: String?) {
        written = Paths(
            checkpoint: checkpoint ?? written.checkpoint, output: output ?? written.output,
            error: error ?? written.error)
        specification.workingDirectory = workingDirectory ?? specification.workingDirectory
        let directory = specification.workingDirectory
        func absolute(_ path: String?) -> String? { path.map { Self.joined(directory, $0) } }
        specification.checkpointDirectory = absolute(written.checkpoint) ?? specification.checkpointDirectory
        specification.standardOutput = absolute(written.output) ?? specification.standardOutput
        specification.standardError = absolute(written.error) ?? specification.standardError
    }

    private mutating func readDependency(_ document: Document) throws(DescriptionError) {
        if case .mapping = document.content {
            var fields = try Fields(document, "after")
            let job = try fields.required("job")
            let condition = try fields.optional("when")?.choice("when", Dependency.Condition.self) ?? .succeeded
            try fields.finish()
            addDependency(try job.text("job"), condition)
        } else {
            addDependency(try document.text("after"), .succeeded)
        }
    }

    /// A number is a job's id; anything else the name of a job in the same submission.
    mutating func addDependency(_ job: String, _ condition: Dependency.Condition) {
        if let number = UInt64(job), number > 0 {
            specification.dependencies.append(Dependency(job: Job.ID(number), condition: condition))
        } else {
            afterNames.append((job, condition))
        }
    }

    // MARK: - Paths and names

    static func absolute(_ path: String, _ context: Context) -> String { joined(context.directory, path) }

    /// Without `.` and empty parts; `..` stays, since the file system decides what it means.
    private static func joined(_ directory: String, _ path: String) -> String {
        let whole = path.hasPrefix("/") ? path : directory + "/" + path
        let parts = whole.split(separator: "/").filter { $0 != "." }
        return "/" + parts.joined(separator: "/")
    }

    static func defaultName(_ job: JobSpecification) -> String {
        guard let program = job.command.first?.split(separator: "/").last else { return "script" }
        return String(program.prefix(200))
    }

    // MARK: - Submissions

    /// Resolves names among the jobs of one submission.
    ///
    /// - Throws: if a name stands for none of them or for several.
    public static func requested(_ jobs: [JobDescription]) throws(DescriptionError) -> [Dispatcher.RequestedJob] {
        var requested: [Dispatcher.RequestedJob] = []
        for job in jobs {
            var dependsOn: [(place: Int, condition: Dependency.Condition)] = []
            for (name, condition) in job.afterNames {
                let places = jobs.indices.filter { jobs[$0].specification.name == name }
                guard let place = places.first, places.count == 1 else {
                    let names = jobs.map(\.specification.name)
                    let hint = name.nearest(in: names).map { " Did you mean \"\($0)\"?" } ?? ""
                    throw DescriptionError(
                        places.isEmpty
                            ? "\(job.specification.name): after names the job \"\(name.shown)\", which is not in this submission.\(hint)"
                            : "\(job.specification.name): after names \"\(name)\", and \(places.count) jobs have that name."
                    )
                }
                dependsOn.append((place, condition))
            }
            requested.append(Dispatcher.RequestedJob(job.specification, dependsOn: dependsOn))
        }
        return requested
    }
}
