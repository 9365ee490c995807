import Foundation
import Testing

/// Daemons are killed again and again while work is submitted and runs. BERTH_CHAOS_SEED repeats a run's choices, and
/// BERTH_CHAOS_KILLS says how many kills there are.
@Suite(.serialized) struct ChaosTests {
    let berth: Installation

    init() throws { berth = try Installation() }

    @Test func `whatever is killed, every acknowledged task runs exactly once`() throws {
        let settings = ProcessInfo.processInfo.environment
        let seed = settings["BERTH_CHAOS_SEED"].flatMap { UInt64($0) } ?? .random(in: 0..<1_000_000)
        let kills = settings["BERTH_CHAOS_KILLS"].flatMap { Int($0) } ?? 20
        var chaos = Chaos(berth: berth, seed: seed)
        do {
            try chaos.begin(tasks: kills * 4)
            for _ in 0..<kills { try chaos.step() }
            let ids = try chaos.end()

            #expect(Set(ids).count == ids.count, "seed \(seed)")
            for id in ids {
                let job = try berth.show(id)
                #expect(job["state"].text == "succeeded", "seed \(seed): \(job)")
                #expect(job["array"].isNull == false || job["attempts"].elements.count == 1, "seed \(seed): \(job)")
            }
            #expect(berth.lines("ran").sorted() == chaos.effects.sorted(), "seed \(seed)")
            #expect(try berth.json("jobs").elements.count == ids.count, "seed \(seed)")
            let verification = try berth("prov", "verify")
            #expect(verification.code == 0, "seed \(seed): \(verification)")
            if let sqlite = Tools.sqlite {
                let check = try berth.start(program: sqlite, [berth.state + "/berth.sqlite", "PRAGMA integrity_check"])
                    .ended()
                #expect(check.output == "ok\n", "seed \(seed): \(check)")
            }
        } catch {
            throw TestProblem("seed \(seed): \(error)")
        }
    }
}

/// One run of random kills.
private struct Chaos {
    let berth: Installation
    private var random: SeededGenerator
    private var daemons: [String: Command] = [:]
    private var submissions: [Submission] = []
    /// The lines that tasks write, one for each.
    private(set) var effects: [String] = []

    /// A job that is asked for until that is acknowledged, always under the same key.
    private struct Submission {
        let arguments: [String]
        var command: Command
        var id: String?
    }

    init(berth: Installation, seed: UInt64) {
        self.berth = berth
        random = SeededGenerator(seed: seed)
    }

    mutating func begin(tasks: Int) throws {
        try start("controller")
        try start("agent")
        try submit(["--array", "\(tasks)"], "sleep 0.05; echo array $BERTH_TASK_INDEX >> ran")
        effects = (0..<tasks).map { "array \($0)" }
    }

    /// Asks for a job, kills one daemon or both a little later, and starts what was killed.
    mutating func step() throws {
        let number = submissions.count
        try submit([], "echo job \(number) >> ran; sleep 0.\(Int.random(in: 0...2, using: &random))")
        effects.append("job \(number)")
        pause()
        let victims = [["controller"], ["agent"], ["controller", "agent"]].randomElement(using: &random) ?? []
        for victim in victims {
            daemons[victim]?.send(SIGKILL)
            try daemons[victim]?.ended()
        }
        if Bool.random(using: &random) { pause() }
        for victim in victims.shuffled(using: &random) { try start(victim) }
        try retry()
    }

    /// Waits until everything is acknowledged and has ended.
    mutating func end() throws -> [String] {
        let deadline = ContinuousClock.now + .seconds(60)
        while submissions.contains(where: { $0.id == nil }) {
            guard ContinuousClock.now < deadline else { throw TestProblem("Not every submission is acknowledged.") }
            for submission in submissions where submission.id == nil { try submission.command.ended(within: 30) }
            try retry()
        }
        try eventually("the controller answers") { try berth("nodes", within: 20).code == 0 }
        let ids = submissions.compactMap(\.id)
        let wait = try berth(["wait"] + ids, within: 90)
        guard wait.code == 0 else { throw TestProblem("\(wait)") }
        return ids
    }

    private mutating func submit(_ options: [String], _ script: String) throws {
        let key = ["--idempotency-key", "key-\(submissions.count)"]
        let arguments = ["submit"] + key + options + ["--", "sh", "-c", script]
        submissions.append(Submission(arguments: arguments, command: try berth.start(arguments)))
    }

    /// Notes what was acknowledged, and asks again where a submission failed.
    private mutating func retry() throws {
        for index in submissions.indices where submissions[index].id == nil && !submissions[index].command.isRunning {
            let result = try submissions[index].command.ended()
            if result.code == 0 {
                submissions[index].id = result.lines.first
            } else if [1, 5].contains(result.code) {
                submissions[index].command = try berth.start(submissions[index].arguments)
            } else {
                throw TestProblem("\(result)")
            }
        }
    }

    private mutating func start(_ daemon: String) throws {
        if daemon == "agent" {
            // The very first agent needs the token that the controller makes.
            try eventually("there is a token") { FileManager.default.fileExists(atPath: berth.state + "/token") }
        }
        daemons[daemon] = try berth.start(daemon)
    }

    private mutating func pause() { usleep(UInt32.random(in: 0...250_000, using: &random)) }
}

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
private struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
