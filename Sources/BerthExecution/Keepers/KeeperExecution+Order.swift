import BerthKeeping
import BerthModel
import Foundation
import Glibc
import Synchronization

/// What a keeper is told.
extension KeeperExecution {
    func keeperOrder(
        _ order: AttemptOrder, _ directory: AttemptDirectory, _ user: JobUser?
    ) throws -> LaunchOrder {
        let specification = order.specification
        let allocation = order.allocation(on: registration.name)
        let checkpoints = try checkpointDirectory(of: order, for: user)
        let socketPath = shortAttemptsPath + "/\(order.attempt.id)/s"
        let environment = AttemptEnvironment(
            order: order, registration: registration, checkpointDirectory: checkpoints, socketPath: socketPath,
            hostFile: try hostFile(for: order, in: directory),
            inputDirectory: specification.staged == nil
                ? nil : shortAttemptsPath + "/\(order.attempt.id)/inputs",
            outputDirectory: data.publication(of: order, for: user?.owner)?.directory,
            serverVariables: live.withLock { $0[order.attempt.id]?.serverVariables } ?? [:], user: user)
        var arguments = specification.command
        if let script = specification.script {
            let file = directory.path + "/script"
            try replaceFile(file, with: Array(script.utf8), isDurable: false, mode: 0o700)
            try user?.own(file)
            arguments = script.hasPrefix("#!") ? [file] : ["/bin/sh", file]
        }
        let rank = order.attempt.rank(on: registration.name) ?? 0
        let named = [false, true].map { specification.outputFile(isStandardError: $0, rank: rank) }
        let outputs = [false, true].enumerated().map { index, isError in
            named[index] ?? outputFile(of: order.attempt.id, isStandardError: isError)
        }
        var launch = LaunchOrder(
            attempt: order.attempt.id.description, fence: order.attempt.fence, arguments: arguments,
            environment: try environment.variables(), workingDirectory: specification.workingDirectory,
            standardOutput: outputs[0], standardError: outputs[1],
            cpus: allocation.cpus.numbers, numaNodes: numaNodes(of: allocation),
            memoryPolicy: order.shape.locality.level == .numa && !order.shape.locality.isWish ? .bind : .preferred,
            timeLimitMilliseconds: specification.timeLimit.map { $0.microseconds / 1000 },
            graceMilliseconds: order.grace.microseconds / 1000,
            extensionMilliseconds: max(0, (order.maximumGrace - order.grace).microseconds / 1000),
            socketPath: socketPath)
        launch.group = isolation.group(of: order.attempt.id.description)
        // What a device's rule takes is no measure of the program around it.
        launch.memoryLimitBytes = order.shape.memoryBytes == nil ? nil : allocation.memoryBytes
        launch.processLimit = isolation.limits(.pids) ? Self.processLimit : nil
        launch.refusedDevices = isolation.refusedDevices(
            of: registration.inventory.devices, given: allocation.devices.map(\.name))
        launch.user = user?.identity
        if registration.pools != nil { pools.makeRoom(beside: givenMemory) }
        if let warm = pools.start(order, for: user) {
            launch.warmSocket = warm.socket
            live.withLock { $0[order.attempt.id]?.pool = warm.use }
        }
        (launch.isOutputPrivate, launch.isErrorPrivate) = (named[0] == nil, named[1] == nil)
        return launch
    }

    /// Bytes that are given to jobs, for which idle slots give way.
    var givenMemory: Int64 {
        live.withLock { live in
            live.values.reduce(0) { $0 + $1.order.allocation(on: registration.name).memoryBytes }
        }
    }

    /// Processes and threads of one attempt: far above what programs use, far below what a machine has (pid_max is
    /// 4,194,304 on 64-bit Linux).
    private static let processLimit = 32_768

    /// Its task's own, which the user may write in.
    func checkpointDirectory(of order: AttemptOrder, for user: JobUser?) throws -> String {
        if let named = order.specification.checkpointDirectory {
            guard access(named, F_OK) != 0 else { return named }
            try FileOwner.run(as: user?.owner) {
                try FileManager.default.createDirectory(atPath: named, withIntermediateDirectories: true)
            }
            return named
        }
        let own = data.checkpoints.directory(of: order.attempt.id.task)
        guard mkdir(own, user == nil ? 0o755 : 0o700) == 0 || errno == EEXIST else {
            throw ExecutionProblem("\(own) cannot be made", errno)
        }
        try user?.own(own)
        return own
    }

    /// For launchers of MPI programs: the members' hosts, by rank.
    private func hostFile(for order: AttemptOrder, in directory: AttemptDirectory) throws -> String? {
        guard let rendezvous = order.rendezvous else { return nil }
        let file = directory.path + "/hosts"
        let lines = rendezvous.addresses.map { $0 + "\n" }.joined()
        // Others cannot enter the directory.
        try replaceFile(file, with: Array(lines.utf8), isDurable: false, mode: 0o644)
        return file
    }

    /// Where its memory is granted, or else the NUMA nodes of its cores.
    func numaNodes(of allocation: Allocation) -> [Int] {
        guard allocation.memory.isEmpty else { return allocation.memory.map(\.numaNode) }
        let cores = registration.inventory.cores.filter { !$0.cpus.isDisjoint(with: allocation.cpus) }
        return Set(cores.compactMap(\.numaNode)).sorted()
    }
}
