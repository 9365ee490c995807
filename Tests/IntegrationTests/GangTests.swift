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
