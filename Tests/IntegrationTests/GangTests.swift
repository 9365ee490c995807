import Foundation
import Testing

@Suite(.serialized) struct GangTests {
    /// Sums the ranks over a connection to rank 0, as an all-reduce does: every member must be there at the same time.
    private static let allReduce = """
        import os, socket, time
        rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        place = (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
        if rank == 0:
            door = socket.create_server(place)
            others = [door.accept()[0] for _ in range(size - 1)]
            total = sum(int(other.makefile().readline()) for other in others)
            for other in others: other.sendall(f"{total}\\n".encode())
        else:
            while True:
                try: line = socket.create_connection(place); break
                except ConnectionRefusedError: time.sleep(0.01)
            line.sendall(f"{rank}\\n".encode())
            total = int(line.makefile().readline())
        print(f"{os.environ['BERTH_NODE']} of {os.environ['BERTH_NODES']}: rank {rank} of {size}, sum {total}")
        """

    private func fleet(_ names: String...) throws -> Fleet {
        let fleet = try Fleet()
        for name in names { try fleet.agent(name) }
        return fleet
    }

    @Test func `members start together on their nodes, find each other, and each has its own output`() throws {
        let fleet = try fleet("a", "b", "c")
        let program = try fleet.berth.write(Self.allReduce, to: "reduce.py")

        let job = try fleet.berth.submit("--nodes", "3", "--cpus", "1", "--", "python3", program)
        let shown = try fleet.berth.end(of: job)

        for (rank, node) in ["a", "b", "c"].enumerated() {
            let output = try fleet.berth.logs(job, "--rank", "\(rank)")
            #expect(output == "\(node) of a,b,c: rank \(rank) of 3, sum 3\n")
        }
        #expect(shown["state"].text == "succeeded" && shown["nodes"].texts == ["a", "b", "c"])
        let members = shown["attempts"][0]["members"].elements
        #expect(members.map { $0["node"].text } == ["a", "b", "c"])
        #expect(members.map { $0["exitCode"].integer } == [0, 0, 0])
        #expect(try fleet.berth("logs", job, "--rank", "3").code == 3)
        #expect(try fleet.berth("prov", "verify").code == 0)
    }

    /// Members on hosts of their own meet by their hosts' addresses; and where one is cut off, the others do not wait for it
    /// for ever.
    @Test(.enabled(if: NetworkHosts.isPossible, "Only root can make network namespaces."))
    func `members on separate hosts find each other, and end together when the network between them fails`() throws {
        let fleet = try Fleet(settings: "heartbeat: {interval: 200ms, lostAfter: 1500ms}", hosts: "a", "b")
        for name in ["a", "b"] { try fleet.agent(name) }
        let hosts = try #require(fleet.hosts)
        let program = try fleet.berth.write(Self.allReduce, to: "reduce.py")
        let sum = try fleet.berth.submit(
            script: "ip -o -4 addr show dev eth0 | grep -q $(echo $BERTH_ADDRESSES | cut -d, -f$((BERTH_RANK + 1)))/ "
                + "&& exec python3 \(program)", "--nodes", "2", "--cpus", "1")
        #expect(try fleet.berth.end(of: sum)["state"].text == "succeeded")
        for (rank, node) in ["a", "b"].enumerated() {
            #expect(
                try fleet.berth.logs(sum, "--rank", "\(rank)") == "\(node) of a,b: rank \(rank) of 2, sum 1\n")
        }

        let cut = try fleet.berth.submit(
            script: "echo $$ >> started; [ $BERTH_ATTEMPT = 2 ] || sleep 600", "--nodes", "2", "--cpus", "1")
        try eventually("both members run") { fleet.berth.lines("started").count == 2 }
        let first = fleet.berth.lines("started").compactMap { pid_t($0) }
        try hosts.connect("b", false)
        try eventually("b is lost") { try fleet.node("b")["state"].text == "lost" }
        // One of them is a's; b's own cannot be told.
        try eventually("the member that can be told is ended", within: 5) {
            first.contains { !Processes.isAlive($0) }
        }
        try eventually("it waits for both nodes") { try fleet.berth.show(cut)["state"].text == "pending" }
        try hosts.connect("b", true)
        #expect(try fleet.berth.end(of: cut)["state"].text == "succeeded")
        #expect(try fleet.berth.show(cut)["attempts"].elements.map { $0["state"].text } == ["lost", "succeeded"])
        #expect(first.allSatisfy { !Processes.isAlive($0) })
        #expect(try fleet.berth("prov", "verify").code == 0)
    }

    @Test func `one member's death ends the others within a second, and its rank is named`() throws {
        let fleet = try fleet("a", "b")
        let program = "if [ $BERTH_RANK = 1 ]; then exit 5; fi; trap '' TERM; sleep 600 & wait; wait"

        let shown = try fleet.berth.end(of: fleet.berth.submit(script: program, "--nodes", "2", "--cpus", "1"))

        #expect(shown["state"].text == "failed" && shown["exitCode"].integer == 5)
        let attempt = shown["attempts"][0]
        #expect(attempt["message"].text?.contains("Rank 1 on b") == true)
        let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        let ends = try attempt["members"].elements.compactMap { try $0["endTime"].text.map(format.parse) }
        #expect(ends.count == 2 && abs(ends[0].timeIntervalSince(ends[1])) < 1, "\(ends)")
    }

    @Test func `all or none: a gang waits for a node that is not there, and says so`() throws {
        let fleet = try fleet("a", "b")
        try fleet.berth("drain", "b")

        let job = try fleet.berth.submit("--nodes", "2", "--cpus", "1", "--", "true")
        let why = try fleet.berth("why", job).output
        #expect(why.contains("node"))
        #expect(try fleet.berth.show(job)["state"].text == "pending")

        try fleet.berth("undrain", "b")
        #expect(try fleet.berth.end(of: job)["state"].text == "succeeded")
        let refused = try fleet.berth("submit", "--nodes", "3", "--", "true")
        #expect(refused.code == 4 && refused.errors.contains("3"), "\(refused)")
    }
}
