import Foundation
import Testing

@Suite(.serialized) struct UpAndDownTests {
    let berth: Installation

    init() throws { berth = try Installation() }

    @Test func `after berth up the nodes answer`() throws {
        try berth.up()

        let nodes = try berth.json("nodes")

        #expect(nodes.elements.count == 1)
        #expect(nodes[0]["state"].text == "up")
        #expect((nodes[0]["cores"].integer ?? 0) > 0)
    }

    @Test func `berth down leaves no process and no socket`() throws {
        try berth.up()
        let job = try berth.submit(script: "setsid sleep 1000 & sleep 1000", "--grace", "1s")
        try berth.reaches("running", job)

        try berth.down()

        #expect(berth.processes.isEmpty)
        let left = try FileManager.default.contentsOfDirectory(atPath: berth.state)
        #expect(!left.contains { $0.hasSuffix(".sock") || $0 == "http.address" }, "\(left)")
        #expect(try berth("jobs", within: 20).code == 5)
    }

    @Test func `a second berth up is refused and the first goes on`() throws {
        try berth.up()
        let first = try berth.daemon("controller")

        for arguments in [["up", "--detach"], ["up"], ["controller"], ["agent"]] {
            let second = try berth(arguments)
            #expect(second.code == 1, "\(second)")
            #expect(second.errors.contains("\(first)") && second.errors.contains("berth down"), "\(second)")
        }
        #expect(try berth("run", "--", "echo", "still here").output == "still here\n")
    }

    @Test func `berth down where nothing runs is no error`() throws {
        #expect(try berth("down").code == 0)
        try berth.up()
        try berth.down()
        #expect(try berth("down").code == 0)
    }

    @Test func `a job that runs at berth down gets its notice and runs again after the next berth up`() throws {
        try berth.up()
        let job = try berth.submit(
            script: """
                [ $BERTH_ATTEMPT = 2 ] && echo again && exit
                trap 'echo told; exit 0' TERM
                echo started > started
                while :; do sleep 0.05; done
                """)
        try berth.says("started", in: "started")

        try berth.down()
        try berth.up()

        let ended = try berth.end(of: job)
        #expect(ended["state"].text == "succeeded")
        #expect(ended["attempts"].elements.map { $0["state"].text } == ["preempted", "succeeded"])
        #expect(try berth.logs(job, "--attempt", "1") == "told\n")
        #expect(try berth.logs(job) == "again\n")
    }
}
