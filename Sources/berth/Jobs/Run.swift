import ArgumentParser
import BerthAPI
import BerthModel
import Foundation
import Synchronization

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Submit a job, stream its output, and exit as it does.",
        usage:
            "berth run [OPTIONS] -- CMD ARG…\n       berth run [OPTIONS] FILE.yaml\n       berth run [OPTIONS] --script FILE",
        discussion: "Ctrl-C tells how to cancel it, a second one cancels it. Without this terminal the job goes on.")

    @OptionGroup var submission: SubmissionArguments

    func run() async throws {
        let client = try Client()
        let ids = try await submission.submit(to: client)
        guard ids.count == 1, let id = ids.first else {
            throw Failure(
                2,
                "berth run takes one job, and these were \(ids.count): \(ids.joined(separator: ", ")). They go on; see berth wait."
            )
        }
        let interrupts = Interrupts(job: id, client: client)
        let job: JobView = try await client.patiently { try await $0.get("/jobs/\(id)") }
        if job.array == nil {
            async let output: Void = OutputFollower(client: client, job: id, isStandardError: false).copy(
                to: .standardOutput)
            async let errors: Void = OutputFollower(client: client, job: id, isStandardError: true).copy(
                to: .standardError)
            _ = try await (output, errors)
        }
        let ended = try await client.end(of: id, withAttempts: false)
        withExtendedLifetime(interrupts) {}
        try Self.leave(as: ended)
    }

    /// Exits as the job did: with its exit code, 128 and the signal's number, or 1.
    private static func leave(as job: JobView) throws {
        if job.state == .succeeded { return }
        if let code = job.exitCode, job.state == .failed, code != 0 { throw ExitCode(Int32(code)) }
        let reason = job.reason.map { " (\($0))" } ?? ""
        Terminal.complain("Job \(job.id) \(job.state.sentence)\(reason)." + (job.message.map { " \($0)" } ?? ""))
        throw ExitCode(job.signal.map { Int32(128 + $0) } ?? 1)
    }
}

/// What Ctrl-C means while a job is followed: the first tells how to cancel it, the second does.
private final class Interrupts {
    private let sources: [any DispatchSourceSignal]

    private final class Presses: Sendable {
        private let count = Mutex(0)

        func next() -> Int {
            count.withLock { count in
                count += 1
                return count
            }
        }
    }

    init(job: String, client: Client) {
        let presses = Presses()
        let interrupt = DispatchSource.makeSignalSource(signal: SIGINT)
        let terminate = DispatchSource.makeSignalSource(signal: SIGTERM)
        let cancel: @Sendable () -> Void = {
            Terminal.note("Cancelling job \(job).")
            Task { let _: JobView? = try? await client.post("/jobs/\(job)/cancel") }
        }
        interrupt.setEventHandler {
            let number = presses.next()
            if number == 1 {
                Terminal.note("Job \(job) goes on. Cancel it? Press Ctrl-C again.")
            } else if number == 2 {
                cancel()
            } else {
                exit(130)
            }
        }
        terminate.setEventHandler(handler: cancel)
        for (number, source) in [(SIGINT, interrupt), (SIGTERM, terminate)] {
            signal(number, SIG_IGN)  // The source hears it all the same.
            source.resume()
        }
        sources = [interrupt, terminate]
    }
}

extension JobState {
    /// Completes "Job 42 …".
    var sentence: String {
        switch self {
        case .timedOut: "has timed out"
        case .cancelled: "was cancelled"
        case .failed: "has failed"
        case .succeeded: "has succeeded"
        default: "is \(rawValue)"
        }
    }
}

extension Client {
    /// Waits until a job has ended, across restarts of the controller.
    ///
    /// - Parameter withAttempts: whether the attempts are of interest; an array may have very many.
    func end(of id: String, withAttempts: Bool) async throws -> JobView {
        let path = "/jobs/\(id)/wait?timeout=30" + (withAttempts ? "" : "&attempts=0")
        while true {
            let job: JobView = try await patiently { try await $0.get(path) }
            if job.state.hasEnded { return job }
        }
    }
}
