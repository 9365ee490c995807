import CLinux
import Glibc

/// The control groups of one attempt: a directory in each hierarchy that its node uses (cgroups(7)). Empty where the
/// node has none.
public struct ControlGroup: Equatable, Sendable {
    /// What is limited, measured or bound through a hierarchy.
    public enum Controller: String, CaseIterable, Sendable {
        case memory, pids, cpuset
        /// Where there is no `cpuset`: as much processor time as the PUs have that it is bound to.
        case cpu
    }

    /// A character device, as stat(2) tells of its file.
    public struct DeviceNumber: Hashable, Sendable {
        public var major: UInt32
        public var minor: UInt32

        public init(major: UInt32, minor: UInt32) { (self.major, self.minor) = (major, minor) }
    }

    /// A directory in one hierarchy.
    public struct Place: Equatable, Sendable {
        /// 1 or 2.
        public var version: Int
        public var controllers: [Controller]
        public var path: String

        public init(version: Int, controllers: [Controller], path: String) {
            self.version = version
            self.controllers = controllers
            self.path = path
        }

        /// The file that a process writes `0` to so as to move itself there. Of version 1 the one for single threads, for
        /// which the kernel need not stop forks everywhere: 0.1 ms in the place of 10 and more. It is to have one thread.
        public var entrance: String { path + (version == 1 ? "/tasks" : "/cgroup.procs") }
    }

    /// What an attempt may take; nil bounds nothing.
    public struct Limits: Equatable, Sendable {
        public var memoryBytes: Int64?
        /// Processes and threads at one time.
        public var processes: Int?
        public var cpus: [Int]
        /// NUMA nodes that memory must come from; empty for any.
        public var numaNodes: [Int]
        /// Devices that it may not use.
        public var refusedDevices: [DeviceNumber]

        public init(
            memoryBytes: Int64? = nil, processes: Int? = nil, cpus: [Int] = [], numaNodes: [Int] = [],
            refusedDevices: [DeviceNumber] = []
        ) {
            self.memoryBytes = memoryBytes
            self.processes = processes
            self.cpus = cpus
            self.numaNodes = numaNodes
            self.refusedDevices = refusedDevices
        }
    }

    public var places: [Place]

    /// By which its directories go.
    public var name: String? { places.first.flatMap { $0.path.split(separator: "/").last.map(String.init) } }

    public init(places: [Place] = []) { self.places = places }

    public func place(of controller: Controller) -> Place? { places.first { $0.controllers.contains(controller) } }

    /// Where a process can be born; nil where there is no group of version 2.
    public var birthplace: Place? { places.first { $0.version == 2 } }

    // MARK: - Making

    /// Makes the groups, with their limits.
    ///
    /// - Returns: limits that the kernel would not take, a sentence each.
    /// - Throws: where a group cannot be made.
    public func make(_ limits: Limits) throws(KeepingError) -> [String] {
        for place in places where mkdir(place.path, 0o755) != 0 {
            // One that somebody has left would bring its counters along.
            guard errno == EEXIST, rmdir(place.path) == 0, mkdir(place.path, 0o755) == 0 else {
                throw .system("The control group \(place.path) cannot be made", errno)
            }
        }
        return limit(limits) + refuseDevices(limits)
    }

    /// Sets limits of groups that there are; who may use which devices stays as it is.
    ///
    /// - Returns: limits that the kernel would not take, a sentence each.
    public func limit(_ limits: Limits) -> [String] {
        limitMemory(limits) + limitProcesses(limits) + confine(limits)
    }

    private func limitMemory(_ limits: Limits) -> [String] {
        // Where there is no such group, each process has its own limit.
        guard let bytes = limits.memoryBytes, let place = place(of: .memory) else { return [] }
        let isSecond = place.version == 2
        do {
            try writeControl(place.path + (isSecond ? "/memory.max" : "/memory.limit_in_bytes"), "\(bytes)")
        } catch { return ["The memory is not limited: \(error)"] }
        // No swap beyond it. A kernel that does not account swap lacks the file, and then nothing is to be done.
        let swap = isSecond ? ("/memory.swap.max", "0") : ("/memory.memsw.limit_in_bytes", "\(bytes)")
        try? writeControl(place.path + swap.0, swap.1)
        return []
    }

    private func limitProcesses(_ limits: Limits) -> [String] {
        guard let processes = limits.processes else { return [] }
        guard let place = place(of: .pids) else { return ["Processes are not limited: this node cannot do it."] }
        do { try writeControl(place.path + "/pids.max", "\(processes)") } catch {
            return ["Processes are not limited: \(error)"]
        }
        return []
    }

    /// In version 1 a group takes nobody in before it has both PUs and NUMA nodes.
    private func confine(_ limits: Limits) -> [String] {
        guard let place = place(of: .cpuset) else { return limitProcessorTime(limits) }
        var notes: [String] = []
        // Or each change has the kernel work out anew between which PUs it balances load (cpuset(7)), which is slow, and
        // in vain: the whole machine above balances its load as before.
        if place.version == 1 { try? writeControl(place.path + "/cpuset.sched_load_balance", "0") }
        let above = place.path.lastIndex(of: "/").map { String(place.path[..<$0]) } ?? ""
        for (file, numbers) in [("cpuset.cpus", limits.cpus), ("cpuset.mems", limits.numaNodes)] {
            guard !numbers.isEmpty || place.version == 1 else { continue }
            do {
                let inherited = { (try? readFile(above + "/" + file, limit: 65_536)) ?? [] }
                try writeControl(
                    place.path + "/" + file,
                    numbers.isEmpty ? String(decoding: inherited(), as: UTF8.self) : LaunchOrder.text(numbers))
            } catch {
                notes.append("It is not confined to \(LaunchOrder.text(numbers)): \(error)")
            }
        }
        return notes
    }

    /// In both versions a share of a period of 100 ms, which may be of several PUs (sched-bwc of the kernel's documentation).
    private func limitProcessorTime(_ limits: Limits) -> [String] {
        guard !limits.cpus.isEmpty, let place = place(of: .cpu) else { return [] }
        let quota = limits.cpus.count * 100_000
        do {
            if place.version == 2 { try writeControl(place.path + "/cpu.max", "\(quota) 100000") }
            if place.version == 1 { try writeControl(place.path + "/cpu.cfs_quota_us", "\(quota)") }
        } catch { return ["The processor time is not limited: \(error)"] }
        return []
    }

    private func refuseDevices(_ limits: Limits) -> [String] {
        guard !limits.refusedDevices.isEmpty, let place = birthplace else { return [] }
        let numbers = limits.refusedDevices.map { berth_device_number(major: $0.major, minor: $0.minor) }
        guard berth_refuse_devices(place.path, numbers, numbers.count) != 0 else { return [] }
        return ["Devices of others are not closed to it: \(errorText(errno))."]
    }

    // MARK: - Ending

    /// Kills every process in the groups, once. By `cgroup.kill` nobody can fork out of it (Linux 5.14 and later, in
    /// version 2); without that, nobody can who is frozen (Linux 5.2), and else call again until `remove` succeeds.
    public func kill() {
        if let place = birthplace {
            if (try? writeControl(place.path + "/cgroup.kill", "1")) != nil { return }
            // Who is killed leaves the frozen group all the same.
            try? writeControl(place.path + "/cgroup.freeze", "1")
        }
        for process in processes { Glibc.kill(process, SIGKILL) }
    }

    public var processes: [Int32] {
        guard let place = places.first else { return [] }
        let text = String(decoding: (try? readFile(place.path + "/cgroup.procs")) ?? [], as: UTF8.self)
        return text.split(separator: "\n").compactMap { pid_t($0) }
    }

    /// Kills what is in it, waits until that is gone, and removes it. A process that the kernel cannot end now (it
    /// waits for a disk or a network file system) is waited for.
    ///
    /// - Parameter patience: in milliseconds.
    /// - Returns: whether it is gone.
    @discardableResult
    public func clear(patience: Int) -> Bool {
        for round in 0... {
            kill()
            if remove() { return true }
            guard round < patience else { break }
            usleep(1000)
        }
        return false
    }

    /// Removes the groups. The kernel says EBUSY for a moment after the last process has ended.
    ///
    /// - Returns: whether none is left.
    @discardableResult
    public func remove() -> Bool {
        places.reduce(true) { isGone, place in (rmdir(place.path) == 0 || errno == ENOENT) && isGone }
    }
}

extension ControlGroup.Place {
    /// As it stands in an order: `2:memory,pids:/sys/fs/cgroup/berth/KEY/42@1`.
    init(text: String) throws(KeepingError) {
        let parts = text.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, let version = Int(parts[0]), (1...2).contains(version), parts[2].hasPrefix("/") else {
            throw .malformed("\"\(text)\" is no control group")
        }
        // A controller that this version does not know is one that it does not use.
        let controllers = parts[1].split(separator: ",").compactMap { ControlGroup.Controller(rawValue: String($0)) }
        self.init(version: version, controllers: controllers, path: String(parts[2]))
    }

    var text: String { "\(version):\(controllers.map(\.rawValue).joined(separator: ",")):\(path)" }
}

extension ControlGroup.DeviceNumber {
    /// `195:0`
    init(text: String) throws(KeepingError) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map { UInt32($0) }
        guard parts.count == 2, let major = parts[0], let minor = parts[1] else {
            throw .malformed("\"\(text)\" is no number of a device")
        }
        self.init(major: major, minor: minor)
    }

    var text: String { "\(major):\(minor)" }
}

/// Writes a kernel's control file in one call; makes none.
func writeControl(_ path: String, _ text: String) throws(KeepingError) {
    let descriptor = open(path, O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .system("\(path) cannot be opened", errno) }
    defer { close(descriptor) }
    let bytes = Array(text.utf8)
    guard write(descriptor, bytes, bytes.count) == bytes.count else {
        throw .system("\(path) does not take \(text.prefix(100))", errno)
    }
}
