import BerthDescription
import BerthModel
import Testing

@Suite struct RetryRuleTests {
    @Test func `rules are read in their order, with the policy's backoff where they have none`() throws {
        let job = try Written.jobWith(
            """
            retry:
              attempts: 3
              backoff: {initial: 1s, jitter: full}
              rules:
                - {on: [outOfMemory], memory: {factor: 1.5, maximum: 64GiB}}
                - {on: [exit], exitCodes: "75,100-102", attempts: 20, backoff: {maximum: 1m}}
                - {on: [signal, preempted], signals: [11], action: fail}
            """)
        let backoff = RetryPolicy.Backoff(initial: .seconds(1))
        var short = backoff
        short.maximum = .seconds(60)
        #expect(
            job.retry
                == RetryPolicy(
                    attempts: 3, backoff: backoff,
                    rules: [
                        .init(on: [.outOfMemory], memory: .init(factor: 1.5, maximumBytes: 64 << 30)),
                        .init(on: [.exit], exitCodes: IndexRanges([75, 100, 101, 102]), attempts: 20, backoff: short),
                        .init(on: [.signal, .preempted], signals: [11], action: .fail),
                    ]))
    }

    @Test func `signals are written as numbers or as names`() throws {
        let job = try Written.jobWith("retry: {rules: [{on: [signal], signals: [SIGSEGV, bus, 9, Sigterm]}]}")
        #expect(job.retry?.rules.first?.signals == [11, 7, 9, 15])
    }

    @Test(
        arguments: [
            ("{rules: [{action: fail}]}", "on"), ("{rules: [{on: [exit], exitCodes: \"0\"}]}", "codes from 1 to 255"),
            ("{rules: [{on: [signal], exitCodes: \"3\"}]}", "exitCodes needs exit"),
            ("{rules: [{on: [exit], signals: [9]}]}", "signals needs signal"),
            ("{rules: [{on: [signal], signals: [SIGSEV]}]}", "Did you mean \"SIGSEGV\"?"),
            ("{rules: [{on: [signal], signals: [trem]}]}", "Did you mean \"SIGTERM\"?"),
            ("{rules: [{on: [signal], signals: [whatever it is]}]}", "is no signal"),
            ("{rules: [{on: [signal], signals: [65]}]}", "numbers from 1 to 64"),
            ("{rules: [{on: [exit], memory: {factor: 2}}]}", "memory needs outOfMemory"),
            ("{rules: [{on: [outOfMemory], memory: {factor: 1}}]}", "factor"),
            ("{rules: [{on: [preemted]}]}", "Did you mean \"preempted\"?"),
            ("{backoff: {jitter: half}}", "jitter is a number"),
        ])
    func `a rule that cannot be is refused with the reason`(retry: String, says: String) {
        #expect(Written.refusal(of: "command: [run]\nretry: \(retry)\n")?.contains(says) == true)
    }
}
