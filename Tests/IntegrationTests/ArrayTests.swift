import Foundation
import Testing

@Suite(.serialized) struct ArrayTests {
    let berth: Installation

    init() throws {
        berth = try Installation()
        try berth.up()
    }

    @Test func `each of 200 tasks runs exactly once`() throws {
        let job = try berth.submit(script: "echo $BERTH_TASK_INDEX >> ran", "--array", "200")

        let ended = try berth.end(of: job)

        #expect(ended["state"].text == "succeeded")
        #expect(ended["tasks"]["succeeded"].integer == 200)
        #expect(berth.lines("ran").compactMap { Int($0) }.sorted() == Array(0..<200))
        #expect(try berth.show("\(job).199")["attempts"].elements.count == 1)
    }

    @Test func `tasks find their values`() throws {
        let job = try berth.submit(
            script: "echo \"$BERTH_TASK_INDEX is $BERTH_TASK_VALUE\"", "--array", "red,deep green,blue")
        try berth.end(of: job)

        #expect(try berth.logs("\(job).0") == "0 is red\n")
        #expect(try berth.logs("\(job).1") == "1 is deep green\n")
        #expect(try berth.logs("\(job).2") == "2 is blue\n")
        #expect(try berth("logs", "\(job).3").code == 3)
    }

    @Test func `tasks have the indices that were asked for`() throws {
        let range = try berth.submit(script: "echo $BERTH_TASK_INDEX $BERTH_TASK_VALUE >> range", "--array", "3-5")
        let list = try berth.submit(script: "echo $BERTH_TASK_INDEX >> list", "--array", "2,7,11")
        try berth.end(of: range, list)

        #expect(berth.lines("range").sorted() == ["3 3", "4 4", "5 5"])
        #expect(Set(berth.lines("list")) == ["2", "7", "11"])
    }

    @Test func `no more tasks run at a time than were allowed`() throws {
        let job = try berth.submit(
            script: "mkdir held || echo clash >> clashes; sleep 0.02; rmdir held; echo done >> done", "--threads",
            "--array", "12%1")

        #expect(try berth.end(of: job)["state"].text == "succeeded")
        #expect(berth.lines("done").count == 12)
        #expect(berth.read("clashes") == nil)
    }

    @Test func `one failed task makes a failed array and only that one runs again`() throws {
        let job = try berth.submit(
            script: "echo $BERTH_TASK_INDEX >> ran; [ $BERTH_TASK_INDEX != 2 ] || [ -e repaired ]", "--array", "5")

        #expect(try berth("wait", job).code == 1)
        let failed = try berth.show(job)
        #expect(failed["state"].text == "failed" && failed["tasks"]["failed"].integer == 1)
        #expect(failed["tasks"]["succeeded"].integer == 4)
        try berth.write("", to: "repaired")
        try berth.successfully("requeue", job)

        #expect(try berth.end(of: job)["state"].text == "succeeded")
        #expect(berth.lines("ran").sorted() == ["0", "1", "2", "2", "3", "4"])
    }

    @Test func `an output file that an array shares holds whole lines of its tasks`() throws {
        let job = try berth.submit(script: "echo task $BERTH_TASK_INDEX", "--array", "3%1", "--output", "shared")
        try berth.end(of: job)

        #expect(berth.read("shared") == "task 2\n")
    }

    @Test func `a task can be cancelled alone`() throws {
        let job = try berth.submit(script: "echo $BERTH_TASK_INDEX >> ran", "--array", "4", "--hold")
        try berth.successfully("cancel", "\(job).1", "\(job).3")
        try berth.successfully("release", job)

        #expect(try berth("wait", job).code == 1)
        #expect(berth.lines("ran").sorted() == ["0", "2"])
        let tasks = try berth.show(job)["tasks"]
        #expect(tasks["cancelled"].integer == 2 && tasks["succeeded"].integer == 2)
    }
}
