import BerthKeeping
import CLinux
import Glibc

/// The job's own process, just started.
struct JobProcess {
    /// It leads a session and a process group of its own.
    var id: pid_t
    var binding: Binding

    /// Starts it in the order's control groups, which exist, and as the order's user. Where the attempt is only announced, it
    /// begins as soon as it is no longer so.
    ///
    /// - Throws: a sentence that names the path at fault.
    init(_ order: LaunchOrder, in opened: OpenGroup) throws {
        let program = try asUser(order.user) { try Self.located(order) }
        let streams = try JobStreams(order)
        defer { streams.close() }

        var launch = berth_launch()
        launch.streams = (streams.input, streams.output, streams.error)
        launch.memory_mode = Binding.memoryMode(order)
        launch.data_limit = UInt64(max(0, order.dataLimitBytes ?? 0))
        if let user = order.user {
            (launch.changes_user, launch.user, launch.group) = (1, user.id, user.group)
        }
        var joined = order.group.places
        launch.birthplace = opened.birthplace
        if launch.birthplace >= 0 { joined.removeAll { $0.version == 2 } }
        var process = try Self.start(&launch, order, joining: joined, of: opened, program: program)
        if process < 0, launch.birthplace >= 0, launch.failed_step == BERTH_STEP_FORK,
            [EINVAL, E2BIG, ENOSYS].contains(launch.error)
        {
            // It cannot be born there here, and joins as well.
            launch.birthplace = -1
            joined = order.group.places
            process = try Self.start(&launch, order, joining: joined, of: opened, program: program)
        }
        guard process > 0 else { throw Self.problem(launch, order, joining: joined, program: program) }
        id = process
        binding = Binding(order, granted: launch)
    }

    private static func start(
        _ launch: inout berth_launch, _ order: LaunchOrder, joining places: [ControlGroup.Place], of opened: OpenGroup,
        program: String
    ) throws -> pid_t {
        let entrances = try places.map { place in
            let entrance = opened.entrance(of: place)
            guard entrance >= 0 else { throw LaunchProblem(joining: place, errno) }
            return entrance
        }
        let (texts, variables) = (CStrings(order.arguments), CStrings(order.environment))
        let paths = CStrings([program, order.workingDirectory, KeeperHandle.announcement])
        let (cpus, nodes, furtherGroups) = (Binding.cpuWords(order), Binding.nodeWords(order), order.user?.groups ?? [])
        return withExtendedLifetime((texts, variables, paths)) {
            (cpus ?? []).withUnsafeBufferPointer { cpuWords in
                (nodes ?? []).withUnsafeBufferPointer { nodeWords in
                    furtherGroups.withUnsafeBufferPointer { furtherGroups in
                        entrances.withUnsafeBufferPointer { entrances in
                            (launch.path, launch.directory) = (.init(paths[0]), .init(paths[1]))
                            (launch.announcement, launch.agent) = (.init(paths[2]), Keeper.agent)
                            (launch.argv, launch.envp) = (.init(texts.start), .init(variables.start))
                            (launch.groups, launch.group_count) = (entrances.baseAddress, entrances.count)
                            launch.cpus = cpus == nil ? nil : cpuWords.baseAddress
                            launch.nodes = nodes == nil ? nil : nodeWords.baseAddress
                            launch.further_groups = furtherGroups.baseAddress
                            launch.further_group_count = furtherGroups.count
                            return berth_launch(&launch)
                        }
                    }
                }
            }
        }
    }

    private static func problem(
        _ launch: berth_launch, _ order: LaunchOrder, joining groups: [ControlGroup.Place], program: String
    ) -> LaunchProblem {
        let code = launch.error
        return switch launch.failed_step {
        case BERTH_STEP_GROUP: LaunchProblem(joining: groups[launch.failed_group], code)
        case BERTH_STEP_ANNOUNCEMENT: LaunchProblem("The attempt has not been recorded", code)
        case BERTH_STEP_LIMIT: LaunchProblem("The memory cannot be limited", code)
        case BERTH_STEP_USER: LaunchProblem("User \(order.user?.id ?? 0) cannot be become", code)
        case BERTH_STEP_DIRECTORY:
            LaunchProblem("The working directory \(order.workingDirectory) cannot be entered", code, fault: .of(code))
        case BERTH_STEP_STREAMS: LaunchProblem("The job's streams cannot be put in place", code)
        case BERTH_STEP_FORK: LaunchProblem("No process can be had", code)
        case BERTH_STEP_KILLED: LaunchProblem("The job's process was killed before its program began", 0)
        default: LaunchProblem("\(program) cannot be run", code, fault: .of(code))
        }
    }

    /// The program's path: as it is if it has a `/`, else the first executable of that name in the job's `PATH`.
    private static func located(_ order: LaunchOrder) throws -> String {
        let name = order.arguments[0]
        guard !name.utf8.contains(UInt8(ascii: "/")) else {
            let path = name.hasPrefix("/") ? name : order.workingDirectory + "/" + name
            return path
        }
        let path = order.environment.last { $0.hasPrefix("PATH=") }?.dropFirst(5) ?? "/usr/local/bin:/usr/bin:/bin"
        for directory in path.split(separator: ":") {
            let candidate = directory + "/" + name
            var status = stat()
            if faccessat(AT_FDCWD, String(candidate), X_OK, AT_EACCESS) == 0, stat(String(candidate), &status) == 0,
                status.st_mode & S_IFMT == S_IFREG
            {
                return String(candidate)
            }
        }
        throw LaunchProblem("There is no program \"\(name)\" in the job's PATH (\(path))", 0, fault: .job)
    }
}

/// Texts as C takes them, with a null pointer after the last.
private final class CStrings {
    let start: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int

    init(_ texts: [String]) {
        count = texts.count
        start = .allocate(capacity: count + 1)
        for (index, text) in texts.enumerated() { start[index] = strdup(text) }
        start[count] = nil
    }

    deinit {
        for index in 0..<count { free(start[index]) }
        start.deallocate()
    }

    subscript(index: Int) -> UnsafeMutablePointer<CChar>? { start[index] }
}

/// Why no process came to be.
struct LaunchProblem: Error, CustomStringConvertible {
    let description: String
    let fault: KeeperRecord.LaunchFault

    /// - Parameter fault: the node's for what a job cannot be the cause of.
    init(_ sentence: String, _ code: Int32, fault: KeeperRecord.LaunchFault = .node) {
        description = code == 0 ? sentence + "." : "\(sentence): \(errorText(code))."
        self.fault = fault
    }

    init(joining place: ControlGroup.Place, _ code: Int32) {
        self.init("The control group \(place.path) cannot be joined", code)
    }
}

extension KeeperRecord.LaunchFault {
    /// Whose fault it is that a file which the job names cannot be used: the job's, unless the error is one of a device, of
    /// a file system that is not reached, or of a machine that has run out of something.
    static func of(_ code: Int32) -> Self {
        switch code {
        case EIO, ENODEV, ENXIO, ESTALE, ENOTCONN, ETIMEDOUT, EHOSTDOWN, EREMOTEIO, ENFILE, EMFILE, ENOMEM, EAGAIN:
            .node
        default: .job
        }
    }
}
