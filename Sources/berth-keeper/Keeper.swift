import BerthKeeping
import CLinux
import Glibc

/// The parent of one attempt's processes. It makes the attempt's control groups; starts the job in them, bound and as its
/// user; tells it when it must stop; and when it has ended, ends whatever it left behind and records how it went.
///
/// It works in its own directory, so that every path it needs is short. A lock on the file `lock` says that it lives. When all
/// is over, its process may keep another attempt.
struct Keeper {
    /// A thousand years in milliseconds: added to a time, it is still one.
    private static let longestGrace: Int64 = 31_556_952_000_000

    /// The connection to the agent that has started this keeper: its standard output.
    static let agent: Int32 = 1

    private let order: LaunchOrder
    private let signals: Int32
    private var control: ListeningSocket
    private var jobSocket: ListeningSocket?
    private var reports = ReportFile()
    private var record: KeeperRecord
    private var job: pid_t = 0
    /// The same process, where it came out of a warm slot.
    private var warm: WarmProcess?
    private var stop: Stop?
    /// When the job began.
    private var start = BootClock.now
    /// A descriptor that is readable once the time limit is over; -1 where there is none.
    private var alarm: Int32 = -1
    private let lock: Int32
    /// The groups of the attempt that this process kept before, and afterwards those of this one, if another may have them.
    private(set) var keptGroup: KeptGroup?
    private var opened: OpenGroup
    /// What the groups had counted before.
    private var countedBefore = KeptGroup.Counted()
    private var groupNotes: [String] = []
    private var mayServeAgain = false

    /// The job has been told to end.
    private struct Stop {
        var reason: String?
        /// When what is left is killed, in milliseconds in which the machine ran.
        var deadline: Int64
        var extensionLeft: Int64
        var isKilled = false
    }

    /// - Parameter keptGroup: of the attempt before; nil where there are none.
    init(directory: String, keptGroup: KeptGroup?) throws {
        self.keptGroup = keptGroup
        guard chdir(directory) == 0 else { throw KeepingError.system("\(directory) cannot be entered", errno) }
        lock = open("lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0, berth_lock(lock) == 0 else { throw KeepingError.system("another keeper is here", errno) }
        order = try LaunchOrder(bytes: readFile("order"))
        opened = OpenGroup(order.group)
        signal(SIGPIPE, SIG_IGN)
        signal(SIGHUP, SIG_IGN)
        berth_become_subreaper()
        signals = berth_signal_descriptor()
        control = try ListeningSocket(path: "control")
        record = KeeperRecord(
            attempt: order.attempt, fence: order.fence, phase: .running,
            keeper: Self.mark, bootID: Self.boot,
            startMicroseconds: wallClockMicroseconds())
    }

    private static let mark = KeeperRecord.ProcessMark(id: getpid(), startTicks: startTicks(of: getpid()) ?? 0)
    private static let boot = bootID()

    /// Returns when the attempt is over and its record is durable, or was given up before it began.
    ///
    /// - Parameter mayServeAgain: whether the process can keep another attempt afterwards.
    /// - Returns: whether it is to.
    mutating func run(mayServeAgain: Bool) -> Bool {
        self.mayServeAgain = mayServeAgain
        keep()
        reports.close()
        for descriptor in [signals, alarm, lock] where descriptor >= 0 { close(descriptor) }
        return record.isFree
    }

    private mutating func keep() {
        do {
            try makeGroup()
            record.notes = groupNotes
            if let path = order.socketPath { jobSocket = try ListeningSocket(path: path, owner: order.user) }
            if let socket = order.warmSocket { try startWarm(from: socket) }
            if job == 0 {
                let process = try JobProcess(order, in: opened)
                job = process.id
                take(process.binding)
            }
            start = BootClock.now
        } catch {
            guard mayBegin() else { return giveUp() }
            order.group.clear(patience: 1000)
            record.launchFault = (error as? LaunchProblem)?.fault ?? .node
            finish(.launchFailed("\(error)", atMicroseconds: wallClockMicroseconds()))
            return
        }
        record.startMicroseconds = wallClockMicroseconds()
        record.job = .init(id: job, startTicks: startTicks(of: job) ?? 0)
        if let limit = order.timeLimitMilliseconds { setAlarm(limit) }
        write(isDurable: false)
        tellAgent()
        while job != 0 { waitForNews() }
    }

    private mutating func makeGroup() throws {
        if let kept = keptGroup {
            keptGroup = nil
            if let notes = kept.limit(order) {
                (opened, groupNotes, countedBefore) = (kept.opened, notes, kept.counted)
                return
            }
            kept.opened.group.clear(patience: 1000)
        }
        groupNotes = try order.group.make(order.limits)
    }

    /// Waits for the agent where the attempt is only announced, and could not begin: of what is not recorded nothing is told.
    ///
    /// - Returns: false where it stays an announcement.
    private func mayBegin() -> Bool {
        guard KeeperHandle.isAnnounced(in: ".") else { return true }
        var word: UInt8 = 0
        var count = 0
        repeat { count = recv(Self.agent, &word, 1, 0) } while count < 0 && errno == EINTR
        return !KeeperHandle.isAnnounced(in: ".")
    }

    private mutating func giveUp() {
        order.group.clear(patience: 1000)
        jobSocket?.close()
        control.close()
        if order.isOutputPrivate { unlink(order.standardOutput) }
        if order.isErrorPrivate { unlink(order.standardError) }
    }

    /// Leaves `job` alone where the slot cannot start it.
    private mutating func startWarm(from socket: String) throws {
        do {
            // A process that is not born in a group of version 2 has the kernel wait for all processors as it joins
            // (10 ms). Where it would only serve the kill, the other groups do, and the slot's guardian.
            let bare = order.group.places.filter {
                $0.version == 2 && $0.controllers.isEmpty && order.refusedDevices.isEmpty
            }
            let group = ControlGroup(places: order.group.places.filter { !bare.contains($0) })
            let joined = OpenGroup(group.places.isEmpty ? order.group : group)
            let process = try WarmProcess(order, in: joined, socket: socket)
            (warm, job) = (process, process.id)
            take(process.binding)
            if !group.places.isEmpty { ControlGroup(places: bare).remove() }
        } catch let problem as WarmProcess.SlotProblem {
            record.slotProblem = problem.description
        }
    }

    private mutating func take(_ binding: Binding) {
        (record.boundCPUs, record.boundNUMANodes) = (binding.cpus, binding.numaNodes)
        record.boundMemoryPolicy = binding.memoryPolicy
        record.isBindingExact = binding.notes.isEmpty
        record.notes += binding.notes
    }

    private mutating func setAlarm(_ limit: Int64) {
        alarm = berth_boot_alarm(start.elapsed + min(max(0, limit), Self.longestGrace))
        // Who cannot tell when the time is over must not let the job go on for ever.
        if alarm < 0 { beginStop(grace: order.graceMilliseconds, reason: nil) }
    }

    private func write(isDurable: Bool) {
        do { try replaceFile("record", with: record.bytes, isDurable: isDurable) } catch {
            complain("berth-keeper: \(error)\n")
        }
    }

    private mutating func finish(_ phase: KeeperRecord.Phase) {
        record.phase = phase
        jobSocket?.close()
        control.close()
        write(isDurable: true)
        tellAgent()
    }

    /// The agent that started this keeper, if it still lives, reads each record from standard output and need not look
    /// for it; and it hears of the keeper's end.
    private func tellAgent() { writeAll(record.bytes, to: Self.agent) }

    // MARK: - Waiting

    private mutating func waitForNews() {
        // poll(2) passes over a descriptor below zero.
        var polled = [signals, alarm, warm?.descriptor ?? -1].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        polled += control.polled
        let controlEnd = polled.count
        polled += jobSocket?.polled ?? []
        guard poll(&polled, nfds_t(polled.count), millisecondsToNextDeadline()) >= 0 else { return }
        if polled[0].revents != 0 { takeSignals() }
        if polled[2].revents != 0 { warmEnded() }
        guard job != 0 else { return }
        let ready = { (range: Range<Int>) in polled[range].filter { $0.revents != 0 }.map(\.fd) }
        if polled[1].revents != 0 { passTimeLimit() }
        for line in control.read(ready(3..<controlEnd)) { obey(line) }
        for line in jobSocket?.read(ready(controlEnd..<polled.count)) ?? [] { hear(line.text) }
        passDeadlines()
    }

    private func millisecondsToNextDeadline() -> Int32 {
        guard let stop, !stop.isKilled else { return -1 }
        return Int32(clamping: max(0, stop.deadline - BootClock.now.running))
    }

    private mutating func takeSignals() {
        while true {
            switch berth_next_signal(signals) {
            case SIGTERM: beginStop(grace: order.graceMilliseconds, reason: "keeperTerminated")
            case SIGCHLD: reap()
            case let number where number <= 0: return
            default: break
            }
        }
    }

    private mutating func passTimeLimit() {
        close(alarm)
        alarm = -1
        if stop == nil { beginStop(grace: order.graceMilliseconds, reason: nil) }
    }

    private mutating func passDeadlines() {
        if let stop, !stop.isKilled, stop.deadline <= BootClock.now.running { kill() }
    }

    // MARK: - Ending

    /// Reaps what has ended; when the job's own process has, ends the rest and the record.
    private mutating func reap() {
        while true {
            let ended = berth_ended_child()
            guard ended > 0 else { return }
            let transfers = ended == job ? Descendants.transfers(of: job) : nil
            var result = berth_wait()
            guard berth_wait_any(&result) > 0 else { return }
            if let transfers { return end(result, transfers) }
        }
    }

    /// The process that came out of a warm slot has ended, or its guardian there has.
    private mutating func warmEnded() {
        guard let (result, transfers) = warm?.end() else {
            record.notes.append("Its warm slot's server was killed while it ran, and it with that.")
            if startTicks(of: job) == record.job?.startTicks { Descendants.killOnce(session: job, in: order.group) }
            var result = berth_wait()
            (result.code, result.signal) = (-1, SIGKILL)
            return end(result, Descendants.Transfers())
        }
        end(result, transfers)
    }

    /// Ends whatever the job has left, now that its own process is gone, and the record.
    private mutating func end(_ result: berth_wait, _ transfers: Descendants.Transfers) {
        let session = job
        job = 0
        let hasKilled = Descendants.killAll(session: session, in: order.group) || stop?.isKilled == true
        hearTheRest()
        let counted = KeptGroup.Counted(
            cpuMicroseconds: opened.cpuMicroseconds, outOfMemoryKills: opened.outOfMemoryKills)
        let summary = summary(result, transfers, counted)
        // Without groups, what the children of later attempts use could not be told from what those of this one have.
        let isCounted = order.group.place(of: .memory) != nil && order.group.birthplace != nil
        record.isFree = mayServeAgain && warm == nil && isCounted
        // A process that is born in a group of version 2 in which all were killed before is killed as well, by Linux 6.18 and
        // others (cgroup_post_fork compares with the count of kills of the parent's group).
        if record.isFree, !hasKilled {
            keptGroup = KeptGroup(opened, order.limits, notes: groupNotes, counted: counted)
        }
        // An agent that takes over, or the next keeper of this attempt's name, removes what is left here.
        if keptGroup == nil, !order.group.clear(patience: 5000) {
            record.notes.append("Its control groups could not be removed.")
        }
        finish(.ended(summary))
    }

    /// Keeps what the job said before its end and nobody has read yet. Somebody who speaks on for ever is not waited for.
    private mutating func hearTheRest() {
        for _ in 0..<1000 {
            var polled = jobSocket?.polled ?? []
            guard !polled.isEmpty, poll(&polled, nfds_t(polled.count), 0) > 0 else { return }
            for line in jobSocket?.read(polled.filter { $0.revents != 0 }.map(\.fd)) ?? [] { reports.append(line.text) }
        }
    }

    private func summary(_ result: berth_wait, _ transfers: Descendants.Transfers, _ counted: KeptGroup.Counted)
        -> KeeperRecord.Ended
    {
        // What came out of a warm slot is no child of this process, and its usage comes with its end.
        var usage = result
        if warm == nil { berth_children_usage(&usage) }
        var cpu = (user: usage.user_microseconds, system: usage.system_microseconds)
        if let before = countedBefore.cpuMicroseconds, let after = counted.cpuMicroseconds {
            cpu = (after.user - before.user, after.system - before.system)
        }
        return KeeperRecord.Ended(
            cause: cause(result, outOfMemoryKills: counted.outOfMemoryKills - countedBefore.outOfMemoryKills),
            exitCode: result.code >= 0 ? Int(result.code) : nil,
            signal: result.signal != 0 ? Int(result.signal) : nil, stopReason: stop?.reason,
            endMicroseconds: wallClockMicroseconds(), userCPUMicroseconds: cpu.user, systemCPUMicroseconds: cpu.system,
            peakMemoryBytes: opened.peakMemoryBytes ?? usage.peak_kilobytes * 1024,
            readBytes: transfers.read, writtenBytes: transfers.written,
            suspendedMilliseconds: BootClock.now.suspension(since: start))
    }

    private func cause(_ result: berth_wait, outOfMemoryKills: Int64) -> KeeperRecord.Ended.Cause {
        if let stop { return stop.reason == nil ? .timeLimit : .stopped }
        // The job's own process may live on when a child of it is killed, and end with a code of its own for it.
        if result.code != 0, outOfMemoryKills > 0 { return .outOfMemory }
        return result.signal != 0 ? .signal : .exit
    }

    /// Tells the job to end. A later stop may only bring the end nearer.
    private mutating func beginStop(grace: Int64, reason: String?) {
        let grace = min(max(0, grace), Self.longestGrace)
        let deadline = BootClock.now.running + grace
        if let earlier = stop {
            stop?.deadline = min(earlier.deadline, deadline)
        } else {
            stop = Stop(reason: reason, deadline: deadline, extensionLeft: order.extensionMilliseconds)
            guard grace > 0 else { return }
            let notice =
                "{\"notice\":\"preempt\",\"deadline\":\"\(wallClockText(afterMilliseconds: grace))\",\"reason\":\"\(reason ?? "timeLimit")\"}\n"
            if jobSocket?.send(Array(notice.utf8)) != true { Glibc.kill(-job, SIGTERM) }
        }
    }

    private mutating func kill() {
        stop?.isKilled = true
        Descendants.killOnce(session: job, in: order.group)
    }

    // MARK: - What others say

    /// `stop GRACE_MILLISECONDS REASON`
    private mutating func obey(_ line: ListeningSocket.Line) {
        let words = line.text.split(separator: UInt8(ascii: " "))
        guard words.count == 3, words[0].elementsEqual("stop".utf8),
            let grace = Int64(String(decoding: words[1], as: UTF8.self))
        else { return }
        let reason = String(decoding: words[2].filter { $0 >= 65 && $0 <= 122 && $0 != 92 }, as: UTF8.self)
        beginStop(grace: grace, reason: reason)
        control.answer(line, "ok\n")
    }

    /// A line of the job's own, kept for the agent. Only what concerns a stop under way is understood here.
    private mutating func hear(_ line: [UInt8]) {
        reports.append(line)
        guard stop != nil else { return }
        if JobWords.saysDone(line) { kill() }
        if let seconds = JobWords.extensionSeconds(line), let left = stop?.extensionLeft {
            let granted = min(Int64(clamping: Int((seconds * 1000).rounded())), left)
            stop?.extensionLeft -= granted
            stop?.deadline += granted
        }
    }
}

/// RFC 3339 in UTC.
func wallClockText(afterMilliseconds milliseconds: Int64) -> String {
    var seconds = time_t((wallClockMicroseconds() + milliseconds * 1000) / 1_000_000)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    let bytes = [CChar](unsafeUninitializedCapacity: 32) { buffer, count in
        count = strftime(buffer.baseAddress, 32, "%Y-%m-%dT%H:%M:%SZ", &parts)
    }
    return String(decoding: bytes.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Writes to standard error: the agent keeps it beside the record.
func complain(_ text: String) { writeAll(Array(text.utf8), to: 2) }
