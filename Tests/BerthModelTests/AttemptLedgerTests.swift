import BerthModel
import Testing

/// An agent's memory that a scene can ask in passing.
private final class Agent {
    private var ledger: AttemptLedger

    init(_ statuses: [AttemptStatus] = []) { ledger = AttemptLedger(statuses) }

    var statuses: [AttemptStatus] { ledger.statuses }
    func accept(_ order: AttemptOrder) -> Bool { ledger.accept(order) == .begins }
    func acceptance(of order: AttemptOrder) -> AttemptLedger.Acceptance { ledger.accept(order) }
    func takeDue() -> [AttemptID] { ledger.takeDue().map(\.attempt.id) }
    func record(_ launch: Launch, of attempt: AttemptID) -> AttemptStatus? { ledger.record(launch, of: attempt) }
    func record(_ end: AttemptEnd, of attempt: AttemptID) -> AttemptStatus? { ledger.record(end, of: attempt) }
    func acknowledge(_ attempt: AttemptID, fence: UInt64) { ledger.acknowledge(attempt, fence: fence) }
    func stop(_ attempt: AttemptID, fence: UInt64, _ reason: StopReason = .cancelled) -> AttemptLedger.Stopping {
        ledger.stop(attempt, fence: fence, reason, at: .epoch)
    }
}

@Suite struct AttemptLedgerTests {
    private let ledger = Agent()

    private func order(_ task: UInt64, fence: UInt64) -> AttemptOrder {
        let attempt = Attempt(
            id: AttemptID(task: TaskID(job: Job.ID(task)), number: 1), fence: fence,
            allocation: Allocation(node: "n1", cpus: [0], coreCount: 1), plannedTime: .epoch)
        return AttemptOrder(
            attempt: attempt, specification: Submission.plain(Job.ID(task)).specification, user: "ada",
            maximumGrace: .seconds(60))
    }

    private func status(_ order: AttemptOrder, _ phase: AttemptStatus.Phase) -> AttemptStatus {
        AttemptStatus(attempt: order.attempt.id, fence: order.attempt.fence, phase: phase)
    }

    @Test func `an order that comes twice is carried out once`() {
        let order = order(1, fence: 1)
        #expect(ledger.accept(order))
        #expect(!ledger.accept(order))
        #expect(ledger.statuses == [status(order, .ordered)])
    }

    @Test func `an end is kept, with its start, until it is acknowledged`() {
        let order = order(1, fence: 1)
        _ = ledger.accept(order)
        #expect(ledger.record(.plain, of: order.attempt.id) == status(order, .running(.plain)))
        #expect(ledger.record(.plain, of: order.attempt.id) == nil, "it starts once")
        let end = status(order, .ended(.exit(0), launch: .plain))
        #expect(ledger.record(.exit(0), of: order.attempt.id) == end)
        #expect(ledger.record(.exit(1), of: order.attempt.id) == nil, "it ends once")
        #expect(ledger.statuses == [end])
        #expect(!ledger.accept(order))

        ledger.acknowledge(order.attempt.id, fence: 1)
        #expect(ledger.statuses.isEmpty)
    }

    @Test func `an order that comes late, after its end was acknowledged, starts nothing`() {
        let order = order(1, fence: 7)
        _ = ledger.accept(order)
        _ = ledger.record(.exit(0), of: order.attempt.id)
        ledger.acknowledge(order.attempt.id, fence: 7)
        #expect(!ledger.accept(order))
        #expect(ledger.accept(self.order(2, fence: 8)))
    }

    @Test func `an order that was lost comes again after others have come and gone`() {
        let later = order(2, fence: 9)
        _ = ledger.accept(later)
        _ = ledger.record(.exit(0), of: later.attempt.id)
        ledger.acknowledge(later.attempt.id, fence: 9)
        #expect(ledger.accept(order(1, fence: 8)))
    }

    @Test func `however many have come and gone, none of them starts again`() {
        for fence in 1...40_000 as ClosedRange<UInt64> {
            let order = order(fence, fence: fence)
            _ = ledger.accept(order)
            _ = ledger.record(.exit(0), of: order.attempt.id)
            ledger.acknowledge(order.attempt.id, fence: fence)
        }
        for fence in [1, 7_000, 20_000, 33_000, 40_000] as [UInt64] {
            #expect(!ledger.accept(order(fence, fence: fence)))
        }
    }

    @Test func `a stop that comes before its order keeps it from starting`() throws {
        let order = order(1, fence: 3)
        guard case .reports(let status) = ledger.stop(order.attempt.id, fence: 3) else {
            Issue.record("a stop for what never came is answered with its end")
            return
        }
        #expect(status.hasEnded)
        #expect(!ledger.accept(order))
        #expect(ledger.statuses == [status])
        #expect(ledger.stop(order.attempt.id, fence: 3) == .reports(status), "and answered again")
    }

    @Test func `a stop for what runs goes to its process`() {
        let order = order(1, fence: 1)
        _ = ledger.accept(order)
        #expect(ledger.stop(order.attempt.id, fence: 1) == .stopsProcess)
        _ = ledger.record(.plain, of: order.attempt.id)
        #expect(ledger.stop(order.attempt.id, fence: 1) == .stopsProcess)
    }

    @Test func `a stop for what is forgotten does nothing`() {
        let order = order(1, fence: 5)
        _ = ledger.accept(order)
        _ = ledger.record(.exit(0), of: order.attempt.id)
        ledger.acknowledge(order.attempt.id, fence: 5)
        #expect(ledger.stop(order.attempt.id, fence: 5) == .changesNothing)
        #expect(ledger.statuses.isEmpty)
    }

    @Test func `an order waits until all whose resources it takes over have ended`() {
        let (first, other) = (order(1, fence: 1), order(2, fence: 2))
        var third = order(3, fence: 3)
        third.after = [first.attempt.id, other.attempt.id]
        #expect(ledger.accept(first) && ledger.accept(other))
        #expect(ledger.acceptance(of: third) == .waits)
        #expect(ledger.acceptance(of: third) == .isKnown, "it waits once")
        _ = ledger.record(.exit(0), of: first.attempt.id)
        #expect(ledger.takeDue() == [])
        _ = ledger.record(.exit(1), of: other.attempt.id)
        #expect(ledger.takeDue() == [third.attempt.id])
        #expect(ledger.takeDue() == [], "it begins once")
    }

    @Test func `an order begins at once where those before it have ended or never came`() {
        var late = order(2, fence: 2)
        late.after = [order(1, fence: 1).attempt.id]
        #expect(ledger.acceptance(of: late) == .begins)
    }

    @Test func `who waits is stopped without having begun, however many have ended since`() {
        let (running, other) = (order(1, fence: 1), order(5, fence: 5))
        var waiting = order(2, fence: 2)
        waiting.after = [running.attempt.id]
        _ = (ledger.accept(running), ledger.acceptance(of: waiting), ledger.accept(other))
        _ = ledger.record(.exit(0), of: other.attempt.id)
        ledger.acknowledge(other.attempt.id, fence: 5)
        guard case .reports(let status) = ledger.stop(waiting.attempt.id, fence: 2, .recalled) else {
            Issue.record("the end of what waits is told at once")
            return
        }
        #expect(status.hasEnded)
        _ = ledger.record(.exit(0), of: running.attempt.id)
        #expect(ledger.takeDue() == [])
    }

    @Test func `what has begun is not recalled`() {
        let running = order(1, fence: 1)
        var next = order(2, fence: 2)
        next.after = [running.attempt.id]
        _ = (ledger.accept(running), ledger.acceptance(of: next))
        _ = ledger.record(.exit(0), of: running.attempt.id)
        _ = ledger.takeDue()
        #expect(ledger.stop(next.attempt.id, fence: 2, .recalled) == .changesNothing)
        #expect(ledger.stop(next.attempt.id, fence: 2, .cancelled) == .stopsProcess)
    }

    @Test func `what runs is not forgotten, and neither is what another fence names`() {
        let (running, ended) = (order(1, fence: 1), order(2, fence: 2))
        _ = ledger.accept(running)
        _ = ledger.accept(ended)
        _ = ledger.record(.exit(0), of: ended.attempt.id)
        ledger.acknowledge(running.attempt.id, fence: 1)
        ledger.acknowledge(ended.attempt.id, fence: 1)
        #expect(ledger.statuses.count == 2)
    }

    @Test func `nothing is recorded of an attempt that never came`() {
        let id = order(1, fence: 1).attempt.id
        #expect(ledger.record(.plain, of: id) == nil)
        #expect(ledger.record(.exit(0), of: id) == nil)
        ledger.acknowledge(id, fence: 1)
        #expect(ledger.accept(order(1, fence: 1)))
    }

    @Test func `a new ledger knows what an earlier agent left`() {
        let order = order(1, fence: 4)
        let successor = Agent([status(order, .running(.plain))])
        #expect(!successor.accept(order))
        #expect(successor.record(.exit(0), of: order.attempt.id) == status(order, .ended(.exit(0), launch: .plain)))
    }

    @Test func `an order's grace is the job's, within what its queue allows`() {
        var order = order(1, fence: 1)
        #expect(order.grace == AttemptOrder.defaultGrace)
        order.specification.grace = .seconds(90)
        #expect(order.grace == .seconds(60))
        order.specification.grace = .seconds(5)
        #expect(order.grace == .seconds(5))
    }
}
