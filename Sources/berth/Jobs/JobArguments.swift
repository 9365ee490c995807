import ArgumentParser
import BerthController
import BerthDescription
import BerthModel
import Foundation

/// The options of `submit` and `run`: one for each field of a job's description.
struct JobArguments: ParsableArguments {
    @Option(help: "What the job is called (default: its program).") var name: String?
    @Option(help: "The queue; berth queues lists them.") var queue: String?
    @Option(help: "The project it counts for.") var project: String?
    @Option(name: .customLong("label"), help: ArgumentHelp("A label to find it by.", valueName: "k=v")) var labels:
        [String] = []
    @Option(
        name: .customLong("env"),
        help: ArgumentHelp("A variable; a name alone copies its value from here.", valueName: "k=v"))
    var environment: [String] = []
    @Option(name: .customLong("workdir"), help: "Where it runs (default: here).") var workingDirectory: String?
    @Option(help: "Cores (default: 1).") var cpus: Int?
    @Flag(help: "Count hardware threads instead of cores.") var threads = false
    @Option(help: ArgumentHelp("Host memory, like 4GiB.", valueName: "size")) var memory: String?
    @Option(help: ArgumentHelp("GPUs, or a share of one like 0.5.", valueName: "n")) var gpus: String?
    @Option(help: ArgumentHelp("Models that will do.", valueName: "a|b")) var gpuModel: String?
    @Option(help: ArgumentHelp("Memory of each GPU at least.", valueName: "size")) var gpuMemory: String?
    @Option(name: .customLong("device"), help: ArgumentHelp("A declared device.", valueName: "kind[:n][,attr=v]"))
    var devices: [String] = []
    @Option(help: "numa, package or node: how near together; with ? a wish.") var locality: String?
    @Option(help: "Nodes that start together.") var nodes: Int?
    @Flag(help: "The node for this job alone.") var exclusive = false
    @Option(
        name: .customLong("constraint"),
        help: ArgumentHelp("What its node must be, like \"node.label.zone == 'b'\".", valueName: "expr"))
    var constraints: [String] = []
    @Option(help: ArgumentHelp("It is stopped after running so long.", valueName: "duration")) var time: String?
    @Option(help: ArgumentHelp("How long it usually runs.", valueName: "duration")) var expectedTime: String?
    @Option(help: ArgumentHelp("It ends if it has not started by then.", valueName: "time")) var deadline: String?
    @Option(help: ArgumentHelp("It does not start before.", valueName: "time")) var begin: String?
    @Flag(help: "It waits until berth release.") var hold = false
    @Option(
        name: .customLong("after"),
        help: ArgumentHelp(
            "It waits for a job: succeeded (default), failed, ended or started.", valueName: "job[:when]"))
    var after: [String] = []
    @Option(help: ArgumentHelp("Tasks: N, A-B or A,B,…; after % how many at a time.", valueName: "n")) var array:
        String?
    @Option(help: ArgumentHelp("Further attempts after a failure.", valueName: "n")) var retry: Int?
    @Option(help: ArgumentHelp("Where it keeps its checkpoints.", valueName: "dir")) var checkpoint: String?
    @Option(help: ArgumentHelp("Between the notice and the kill.", valueName: "duration")) var grace: String?
    @Option(help: "Start in a warm slot of this pool, or with its model server.") var pool: String?
    @Option(
        help: ArgumentHelp("What the pool's model server has loaded before it starts.", valueName: "name[:version]"))
    var model: String?
    @Option(
        name: .customLong("stage"),
        help: ArgumentHelp("A file or directory that goes along, into $BERTH_INPUT_DIR.", valueName: "file"))
    var staged: [String] = []
    @Option(name: .customLong("input"), help: ArgumentHelp("A file to hash before it starts.", valueName: "file"))
    var inputs: [String] = []
    @Option(name: .customLong("result"), help: ArgumentHelp("A file to hash after it has ended.", valueName: "file"))
    var results: [String] = []
    @Option(
        name: .customLong("publish"),
        help: ArgumentHelp(
            "A result that it writes to BERTH_OUTPUT_DIR; it takes its place when the job has succeeded.",
            valueName: "path"))
    var published: [String] = []
    @Option(help: ArgumentHelp("Where its output goes (default: Berth's logs).", valueName: "file")) var output: String?
    @Option(help: ArgumentHelp("Where its errors go.", valueName: "file")) var error: String?
    @Option(help: "The same key never makes a second job.") var idempotencyKey: String?

    var options: JobOptions {
        var options = JobOptions()
        options.name = name
        options.queue = queue
        options.project = project
        options.labels = labels
        options.environment = environment
        options.workingDirectory = workingDirectory
        options.cpus = cpus
        options.threads = threads
        options.memory = memory
        options.gpus = gpus
        options.gpuModel = gpuModel
        options.gpuMemory = gpuMemory
        options.devices = devices
        options.locality = locality
        options.nodes = nodes
        options.exclusive = exclusive
        options.constraints = constraints
        options.time = time
        options.expectedTime = expectedTime
        options.deadline = deadline
        options.begin = begin
        options.hold = hold
        options.after = after
        options.array = array
        options.retry = retry
        options.checkpoint = checkpoint
        options.grace = grace
        options.pool = pool
        options.model = model
        options.inputs = inputs
        options.staged = staged
        options.results = results
        options.published = published
        options.output = output
        options.error = error
        options.idempotencyKey = idempotencyKey
        return options
    }
}

/// What somebody wants submitted: a command, files, or a script.
struct SubmissionArguments: ParsableArguments {
    @OptionGroup var job: JobArguments

    @Option(help: ArgumentHelp("A script; its #BERTH lines are options.", valueName: "file"))
    var script: String?

    @Argument(help: ArgumentHelp("Job descriptions in YAML or JSON.", valueName: "file.yaml"))
    var files: [String] = []

    @Argument(parsing: .postTerminator, help: "The program and its arguments, after --.")
    var command: [String] = []

    /// Reads everything and puts it together; nothing is sent yet.
    func descriptions() throws -> [JobDescription] {
        let directory = FileManager.default.currentDirectoryPath
        guard directory.hasPrefix("/") else {
            throw Failure(
                2,
                "The current directory is not there any more, and jobs run where they are submitted. Change to another."
            )
        }
        let context = JobDescription.Context(directory: directory, defaultQueue: "", now: .now)
        do {
            var jobs = try read(context)
            let variables = ProcessInfo.processInfo.environment
            for index in jobs.indices {
                if let script { try apply(scriptOptions: script, to: &jobs[index], context, variables) }
                try job.options.apply(to: &jobs[index], context, variables: variables)
                Self.complete(&jobs[index].specification, variables)
            }
            return jobs
        } catch let error as DescriptionError {
            throw Failure(2, error.description)
        }
    }

    private func read(_ context: JobDescription.Context) throws -> [JobDescription] {
        switch (command.isEmpty, files.isEmpty, script) {
        case (false, true, nil):
            var specification = JobSpecification(
                name: command[0].split(separator: "/").last.map(String.init) ?? "job", command: command,
                workingDirectory: context.directory, queue: context.defaultQueue)
            specification.name = String(specification.name.prefix(200))
            return [JobDescription(specification)]
        case (true, false, nil):
            return try files.flatMap { file -> [JobDescription] in
                let bytes = try Self.bytes(of: file)
                return try JobDescription.all(bytes, file: file, context)
            }
        case (true, true, let script?):
            let name = script.split(separator: "/").last.map(String.init) ?? script
            var specification = JobSpecification(
                name: name, workingDirectory: context.directory, queue: context.defaultQueue)
            specification.script = String(decoding: try Self.bytes(of: script), as: UTF8.self)
            return [JobDescription(specification)]
        case (true, true, nil):
            throw Failure(
                2, "There is nothing to submit. Name a program after -- (berth submit -- CMD), a file or --script.")
        default:
            throw Failure(2, "A program after --, description files and --script do not go together. Use one of them.")
        }
    }

    private static func bytes(of file: String) throws -> [UInt8] {
        do { return try InputFile.bytes(of: file, upTo: Document.largestSize) } catch {
            let isProgram = !file.contains(".") && !FileManager.default.fileExists(atPath: file)
            throw isProgram ? Failure(2, error.description + " To run a program, write it after --.") : error
        }
    }

    private func apply(
        scriptOptions file: String, to job: inout JobDescription, _ context: JobDescription.Context,
        _ variables: [String: String]
    ) throws {
        let words = try ScriptOptions.words(in: job.specification.script ?? "", file: file)
        guard !words.isEmpty else { return }
        do {
            try JobArguments.parse(words).options.apply(to: &job, context, variables: variables)
        } catch let error as DescriptionError {
            throw Failure(2, "\(file): \(error.description)")
        } catch {
            throw Failure(2, "\(file): in its #BERTH lines: \(JobArguments.message(for: error))")
        }
    }

    /// What the job takes along from where it was submitted: where programs are found, and the code's state.
    private static func complete(_ job: inout JobSpecification, _ variables: [String: String]) {
        let inherited = [
            "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR", "VIRTUAL_ENV", "CONDA_PREFIX",
            "PYTHONPATH",
            "LD_LIBRARY_PATH", "MODULEPATH",
        ]
        for (name, value) in variables where inherited.contains(name) || name.hasPrefix("LC_") {
            if job.environment[name] == nil { job.environment[name] = .plain(value) }
        }
        job.code = job.code ?? CodeState.of(job.workingDirectory)
    }
}

extension CodeState {
    /// What git says of a directory; nil where it is in no repository or git is not there.
    static func of(_ directory: String) -> CodeState? {
        guard directory.hasPrefix("/") else { return nil }  // Of others, the parents have no end.
        var place = URL(fileURLWithPath: directory)
        while !FileManager.default.fileExists(atPath: place.appendingPathComponent(".git").path) {
            guard place.path != "/" else { return nil }
            place.deleteLastPathComponent()
        }
        let question = ["git", "-C", place.path, "status", "--porcelain=v2", "--branch", "--untracked-files=no"]
        guard let lines = Subprogram.output(of: question)?.split(separator: "\n") else { return nil }
        let mark = "# branch.oid "
        guard let commit = lines.first(where: { $0.hasPrefix(mark) })?.dropFirst(mark.count), commit.count >= 40 else {
            return nil
        }
        return CodeState(
            repository: place.path, commit: String(commit), isDirty: lines.contains { !$0.hasPrefix("#") })
    }
}
