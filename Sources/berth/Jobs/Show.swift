import ArgumentParser
import BerthAPI
import BerthModel
import Foundation

struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show all that is known of a job and its attempts.")

    @Argument(help: "The job, or a task of an array.") var job: String
    @Flag(help: "Print one JSON document.") var json = false

    func run() async throws {
        let job: JobView = try await Client().get("/jobs/\(taskID(job))")
        if json { return try printJSON(job) }
        var lines = Sheet()
        lines.add("Job", job.id + "  " + job.name)
        lines.add("State", job.state.rawValue + (job.reason.map { " (\($0))" } ?? ""), Terminal.colour(of: job.state))
        lines.add("Exit", job.exitCode.map { "code \($0)" } ?? job.signal.map { "signal \($0)" })
        lines.add("Message", job.message)
        lines.add("Hold", job.hold, .yellow)
        lines.add("User", job.user + (job.project.map { ", project \($0)" } ?? "") + ", queue \(job.queue)")
        lines.add(
            "Labels",
            job.labels.isEmpty
                ? nil : job.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " "))
        lines.add(
            "Command",
            job.script == nil
                ? job.command.map(\.shellQuoted).joined(separator: " ")
                : "a script of \(job.script?.utf8.count ?? 0) bytes")
        lines.add("Directory", job.workingDirectory)
        lines.add("Asks for", job.resources.summary)
        for alternative in job.alternatives { lines.add("or", alternative.summary) }
        lines.add(
            "After",
            job.dependencies.isEmpty ? nil : job.dependencies.map { "\($0.job) \($0.when)" }.joined(separator: ", "))
        lines.add("Tasks", job.array.map { "\($0): \(job.taskSummary)" })
        lines.add("Time limit", job.timeLimit.map { Duration.seconds($0).text })
        lines.add("Submitted", Terminal.time(job.submitTime))
        lines.add(
            "Started",
            job.startTime.map { Terminal.time($0) + "  (waited \(Terminal.span(from: job.submitTime, to: $0)))" })
        lines.add(
            "Ended", job.endTime.map { Terminal.time($0) + "  (ran \(Terminal.span(from: job.startTime, to: $0)))" })
        lines.print()
        for attempt in job.attempts.suffix(20) { show(attempt) }
        if job.attempts.count > 20 {
            Terminal.note(
                "The last 20 of \(job.attempts.count) attempts; --json shows all, berth show \(job.id).N one task's.")
        }
    }

    private func show(_ attempt: AttemptView) {
        print("")
        var lines = Sheet()
        lines.add(
            "Attempt",
            attempt.id + " on \(attempt.node): \(attempt.state.rawValue)" + (attempt.reason.map { " (\($0))" } ?? ""))
        lines.add("Message", attempt.message)
        lines.add("Takes over", attempt.predecessor.map { "what \($0) held" })
        lines.add("Granted", attempt.granted.summary)
        if let bound = attempt.bound {
            lines.add(
                "Bound",
                "CPUs \(bound.cpuset)"
                    + (bound.numaNodes.isEmpty
                        ? "" : ", NUMA \(bound.numaNodes.map(String.init).joined(separator: ","))")
                    + (bound.devices.isEmpty ? "" : ", \(bound.devices.joined(separator: ", "))"))
            for note in bound.notes { lines.add("Note", note) }
        }
        for member in attempt.members {
            lines.add("Rank \(member.rank)", member.summary)
        }
        lines.add("Ran", attempt.startTime.map { Terminal.span(from: $0, to: attempt.endTime) })
        lines.add(
            "Used",
            attempt.usage.map {
                "\(Duration.seconds($0.cpuSeconds).text) CPU, \(ByteCount.text($0.peakMemoryBytes)) at its peak, "
                    + "read \(ByteCount.text($0.readBytes)), wrote \(ByteCount.text($0.writtenBytes))"
            })
        if let joules = attempt.usage?.gpuEnergyJoules {
            lines.add("GPU", String(format: "%.0f J", joules))
        }
        if let bytes = attempt.usage?.gpuMemoryPeakBytes {
            lines.add("GPU memory", "\(ByteCount.text(bytes)) at its peak")
        }
        lines.add("Pool", attempt.pool?.summary)
        lines.add("Progress", attempt.progress.map { "\(Int($0 * 100)) %" + (attempt.note.map { "  \($0)" } ?? "") })
        lines.add(
            "Metrics",
            attempt.metrics.isEmpty
                ? nil
                : attempt.metrics.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
        lines.add("Checkpoint", attempt.checkpoint)
        for file in attempt.inputs { lines.add("Input", file.summary) }
        for file in attempt.outputs { lines.add("Output", file.summary) }
        lines.print()
    }
}

extension PoolUse {
    fileprivate var summary: String {
        guard let miss else {
            return "\(pool), started warm" + (secondsSaved.map { String(format: ", %.2f s saved", $0) } ?? "")
        }
        guard let secondsWaited else { return "\(pool), started cold: \(miss.rawValue)" }
        return "\(pool), waited \(String(format: "%.2f", secondsWaited)) s for its server: \(miss.rawValue)"
    }
}

/// Names and values below each other, for people.
struct Sheet {
    private var lines: [(String, String, Terminal.Colour?)] = []

    mutating func add(_ name: String, _ value: String?, _ colour: Terminal.Colour? = nil) {
        if let value { lines.append((name, value, colour)) }
    }

    func print() {
        for (name, value, colour) in lines {
            Swift.print(
                Terminal.coloured(name + String(repeating: " ", count: max(1, 12 - name.count)), .dim)
                    + Terminal.coloured(value, colour))
        }
    }
}

extension ResourcesView {
    /// `2 cores, 4 GiB, 1 GPU H100, 1 qsim (qubits 20), near each other: numa`
    var summary: String {
        var parts = [cpus.counted(threads ? "thread" : "core")]
        if let memory { parts.append(ByteCount.text(memory)) }
        if let gpus {
            let count = AttributeValue.number(gpus.count).description
            parts.append("\(count) GPU" + (gpus.count > 1 ? "s" : "") + (gpus.model.map { " \($0)" } ?? ""))
        }
        for device in devices {
            let attributes = device.attributes.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
            parts.append(
                "\(device.count) \(device.kind)"
                    + (attributes.isEmpty ? "" : " (\(attributes.joined(separator: ", ")))"))
        }
        if locality != "node" { parts.append("within one \(locality)") }
        if nodes > 1 { parts.append("on \(nodes) nodes") }
        if exclusive { parts.append("the node alone") }
        return parts.joined(separator: ", ")
    }
}

extension AttemptView.GrantView {
    var summary: String {
        var parts = ["\(cores.counted("core")) (CPUs \(cpuset))"]
        for (numaNode, bytes) in memory.sorted(by: { (Int($0.key) ?? 0) < (Int($1.key) ?? 0) }) {
            parts.append("\(ByteCount.text(bytes)) of NUMA \(numaNode)")
        }
        for device in devices {
            parts.append(device.name + (device.count == 1 ? "" : " × \(AttributeValue.number(device.count))"))
        }
        return parts.joined(separator: ", ") + (shape == 0 ? "" : ", alternative \(shape)")
    }
}

extension AttemptView.MemberView {
    /// `gpu-03 (CPUs 0-7), exit code 1`
    var summary: String {
        let end =
            exitCode.map { "exit code \($0)" } ?? signal.map { "signal \($0)" } ?? reason
            ?? (startTime == nil ? "starting" : "running")
        return "\(node) (CPUs \(cpuset)), \(end)" + (message.map { ": \($0)" } ?? "")
    }
}

extension AttemptView.FileView {
    var summary: String {
        path + "  " + (sha256.map { "sha256:\($0.prefix(16))…  \(ByteCount.text(bytes ?? 0))" } ?? problem ?? "")
    }
}

extension String {
    /// As a shell would have to be given it.
    var shellQuoted: String {
        let isPlain = !isEmpty && allSatisfy { $0.isLetter || $0.isNumber || "-_./=:,@%+".contains($0) }
        return isPlain ? self : "'" + replacing("'", with: "'\\''") + "'"
    }
}
