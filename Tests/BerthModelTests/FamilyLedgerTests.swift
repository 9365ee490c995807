import BerthModel
import Testing

@Suite struct FamilyLedgerTests {
    private func family(_ number: Int) -> JobFamily { JobFamily(user: "u\(number)", project: "", name: "n") }

    @Test func `families without jobs are forgotten, those untouched for longest first`() {
        var ledger = FamilyLedger()
        for number in 0..<10_000 {
            let job = Job.ID(UInt64(number + 1))
            let time = Timestamp.epoch + .seconds(number)
            ledger.join(job, family(number), at: time)
            ledger.failed(family(number), AttemptID(task: TaskID(job: job), number: 1), "exit code 1", at: time)
            ledger.leave(job, family(number), at: time)
        }
        #expect(ledger.failures(of: family(0)) == 0)
        #expect(ledger.failures(of: family(9_999)) == 1)
        #expect(!ledger.hasJobs)
    }

    @Test func `families with jobs are kept, however many there are`() {
        var ledger = FamilyLedger()
        for number in 0..<10_000 { ledger.join(Job.ID(UInt64(number + 1)), family(number), at: .epoch) }
        for number in 10_000..<20_000 {
            ledger.join(Job.ID(UInt64(number + 1)), family(number), at: .epoch)
            ledger.leave(Job.ID(UInt64(number + 1)), family(number), at: .epoch)
        }
        #expect((0..<10_000).allSatisfy { ledger.jobs(of: family($0)).count == 1 })
        #expect(ledger.hasJobs)
    }

    @Test func `of the places where a family did well, the last two nodes are known`() {
        var ledger = FamilyLedger()
        let one = family(1)
        ledger.succeeded(one, on: ["a"], at: .epoch)
        #expect(!ledger.succeeds(one, elsewhereThan: "a", since: .epoch))
        #expect(ledger.succeeds(one, elsewhereThan: "b", since: .epoch))
        ledger.succeeded(one, on: ["b"], at: .epoch + .seconds(5))
        ledger.succeeded(one, on: ["b"], at: .epoch + .seconds(9))
        #expect(ledger.succeeds(one, elsewhereThan: "b", since: .epoch))
        #expect(!ledger.succeeds(one, elsewhereThan: "b", since: .epoch + .seconds(1)))
        #expect(!ledger.launches(one, elsewhereThan: "b", since: .epoch))
    }
}
