import BerthModel
import BerthPlanner
import BerthScheduling
import Foundation

/// A cluster that is never idle for long: users who submit at random, jobs that run for random times, all told by a seed.
/// Of each job that has to wait it is predicted when it starts, and the cluster learns from what comes of it.
struct BusyCluster {
    private var room = ControlRoom(
        .machine("n1", cores: 8), .machine("n2", cores: 8), .machine("n3", cores: 8), .machine("n4", cores: 8))
    private var random: SeededGenerator
    private let kinds: [Kind]
    private let load: Double
    private let isTold: Bool
    private var runTimes: [Job.ID: Duration] = [:]
    private var live: [(end: Timestamp, attempt: Attempt)] = []
    private var open: [Job.ID: StartPrediction] = [:]
    private(set) var samples: [Calibration.Sample] = []

    private struct Kind {
        var name: String
        var user: String
        var cores: Int
        var medianSeconds: Double
    }
    /// Of the logarithm of a kind's run times.
    private static let deviation = 0.7

    /// - Parameters:
    ///   - load: cores that are asked for, as a part of those that are there.
    ///   - isTold: whether jobs say how long they will run, right within a fourth.
    init(seed: UInt64, load: Double, isTold: Bool) {
        var random = SeededGenerator(seed: seed)
        kinds = ["a", "b", "c", "d", "e", "f", "g", "h"].enumerated().map { number, name in
            Kind(
                name: name, user: "user\(number % 3)", cores: 1 << Int.random(in: 0...3, using: &random),
                medianSeconds: 300 * exp(Double.random(in: 0..<3, using: &random)))
        }
        self.random = random
        self.load = load
        self.isTold = isTold
    }

    /// Lives on until so many predictions have come out; those of the first jobs, of which nothing is known, are left out.
    mutating func run(until count: Int) throws {
        var nextArrival = room.now
        var submitted = 0
        while samples.count < count {
            let nextEnd = live.map(\.end).min() ?? nextArrival
            room.wait(min(nextEnd, nextArrival) - room.now)
            for node in room.cluster.nodes.keys { room.tell(.heartbeat, from: node) }
            for (_, attempt) in live.filter({ $0.end <= room.now }) { tell(attempt, .ended(end, launch: launch)) }
            live.removeAll { $0.end <= room.now }
            var new: Job.ID?
            if nextArrival <= room.now {
                let kind = kinds[Int.random(in: 0..<kinds.count, using: &random)]
                new = try submit(kind)
                submitted += 1
                let work = kinds.reduce(0) { $0 + Double($1.cores) * $1.medianSeconds } / Double(kinds.count)
                let mean = work * exp(Self.deviation * Self.deviation / 2) / (load * 32)
                nextArrival = room.now + .seconds(-mean * log(1 - unit()))
            }
            settle()
            if let new, submitted > 150, room.cluster.jobs[new]?.hasStarted == false { predict(new) }
        }
    }

    private mutating func submit(_ kind: Kind) throws -> Job.ID {
        let normal = (-2 * log(1 - unit())).squareRoot() * cos(2 * .pi * unit())
        let time = Duration.seconds(max(1, kind.medianSeconds * exp(Self.deviation * normal)))
        let job = JobSpecification.plain(.cores(kind.cores)) {
            $0.name = kind.name
            $0.timeLimit = .seconds(kind.medianSeconds * 8)
            if isTold { $0.expectedTime = time * Double.random(in: 0.75..<1.25, using: &random) }
        }
        let id = try room.submit([.init(job)], user: kind.user)[0]
        runTimes[id] = time
        return id
    }

    private mutating func settle() {
        for outgoing in room.round().told {
            guard case .start(let order) = outgoing.message else { continue }
            let (attempt, job) = (order.attempt, order.attempt.id.task.job)
            tell(attempt, .running(launch))
            live.append((room.now + (runTimes[job] ?? .zero), attempt))
            guard let prediction = open.removeValue(forKey: job) else { continue }
            samples.append(.init(prediction: prediction, outcome: .started(room.now)))
        }
    }

    private mutating func predict(_ job: Job.ID) {
        let prediction = Calibration.prediction(for: job, in: room.cluster, at: room.now)
        if let wait = prediction.wait { room.note(wait, of: job) }
        open[job] = prediction
    }

    private var launch: Launch { Launch(startTime: room.now, bound: Binding(cpus: [0])) }
    private var end: AttemptEnd { AttemptEnd(cause: .exit, exitCode: 0, endTime: room.now) }

    private mutating func tell(_ attempt: Attempt, _ phase: AttemptStatus.Phase) {
        room.tell(.update(room.status(attempt, phase)), from: attempt.allocation.node)
    }

    private mutating func unit() -> Double { Double.random(in: 0..<1, using: &random) }
}
