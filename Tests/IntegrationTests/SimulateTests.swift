import Foundation
import Testing

/// `berth simulate` as a user runs it, on workloads of a few lines; no controller is there.
struct SimulateTests {
    let berth: Installation

    init() throws { berth = try Installation() }

    private static let nodes = "sn,cpu_milli,memory_mib,gpu,model\nnode-1,32000,262144,2,V100\n"
    private static let pods = """
        name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec
        pod-1,4000,1024,1,500,
        pod-2,4000,1024,1,1000,

        """

    private func openb(_ more: String..., pods: String) throws -> Command.Result {
        let fleet = try berth.write(Self.nodes, to: "nodes.csv")
        return try berth(["simulate", "--format", "openb", "--fleet", fleet, "--workload", pods] + more)
    }

    @Test func `one document has the runs, their mean and their deviation`() throws {
        let pods = try berth.write(Self.pods, to: "pods.csv")
        let result = try openb("--seeds", "1-3", "--json", pods: pods)
        #expect(result.code == 0, "\(result)")
        let document = try JSON(parsing: result.bytes)
        #expect(document["format"].text == "openb" && document["policy"].text == "berth")
        #expect(document["workload"].texts == ["pods.csv"])
        #expect(document["runs"].elements.map { $0["label"].text } == ["seed 1", "seed 2", "seed 3"])
        for part in [document["runs"][0], document["mean"], document["standardDeviation"]] {
            #expect(part["unallocatedPercent"].names == ["100", "130"], "\(part)")
        }
    }

    @Test func `a zipped file is the same workload`() throws {
        let pods = try berth.write(Self.pods, to: "pods.csv")
        let plain = try openb("--policy", "fgd", "--json", pods: pods)
        #expect(try berth.start(program: "/usr/bin/gzip", [pods]).ended().code == 0)
        let zipped = try openb("--policy", "fgd", "--json", pods: pods + ".gz")
        #expect(zipped.code == 0, "\(zipped)")
        let runs = try [plain, zipped].map { try JSON(parsing: $0.bytes)["mean"]["unallocatedPercent"]["130"].number }
        #expect(runs[0] != nil && runs[0] == runs[1])
    }

    @Test func `a damaged zip, and what is none, are refused`() throws {
        let pods = try berth.write(Self.pods, to: "pods.csv")
        #expect(try berth.start(program: "/usr/bin/gzip", [pods]).ended().code == 0)
        let whole = try #require(FileManager.default.contents(atPath: pods + ".gz"))
        var damaged = whole
        damaged[whole.count - 6] ^= 0x55  // In the checksum.
        for (bytes, words) in [
            (whole.dropLast(12), "ends before"), (damaged, "damaged"), (Data(Self.pods.utf8), "no gzip file"),
        ] {
            try bytes.write(to: URL(fileURLWithPath: pods + ".gz"))
            let result = try openb(pods: pods + ".gz")
            #expect(result.code == 2 && result.errors.contains(words), "\(result)")
        }
    }

    @Test(arguments: [
        (["--policy", "fdg"], "\"fgd\""), (["--estimates", "exact"], "goes with swf"),
        (["--svg", "x.svg"], "no picture"), (["--seeds", "5-1"], "like 42-51"), (["--jobs", "7"], "goes with gavel"),
    ])
    func `what cannot be is refused with what can`(options: [String], words: String) throws {
        let pods = try berth.write(Self.pods, to: "pods.csv")
        let fleet = try berth.write(Self.nodes, to: "nodes.csv")
        let result = try berth(["simulate", "--format", "openb", "--fleet", fleet, "--workload", pods] + options)
        #expect(result.code == 2 && result.errors.contains(words), "\(result)")
    }

    @Test func `an unknown format names the nearest`() throws {
        let result = try berth(["simulate", "--format", "sfw", "--workload", "x"])
        #expect(result.code == 2 && result.errors.contains("\"swf\""), "\(result)")
    }
}
