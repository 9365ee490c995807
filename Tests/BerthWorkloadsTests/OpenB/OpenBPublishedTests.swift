import BerthWorkloads
import Foundation
import Testing

/// The traces of the paper, where they are at hand.
private enum Published {
    static let folder: String = {
        if let folder = ProcessInfo.processInfo.environment["BERTH_TEST_DATA"] { return folder + "/openb-gpu" }
        var project = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { project.deleteLastPathComponent() }
        return project.deletingLastPathComponent().path + "/shared/data/openb-gpu"
    }()

    static var isPresent: Bool { FileManager.default.fileExists(atPath: folder + "/openb_node_list_gpu_node.csv") }

    static func trace(_ name: String) throws -> OpenBTrace {
        let nodes = try String(contentsOfFile: folder + "/openb_node_list_gpu_node.csv", encoding: .utf8)
        let unzip = Process()
        unzip.executableURL = URL(fileURLWithPath: "/usr/bin/gzip")
        unzip.arguments = ["-dc", "\(folder)/openb_pod_list_\(name).csv.gz"]
        let output = Pipe()
        unzip.standardOutput = output
        try unzip.run()
        let pods = output.fileHandleForReading.readDataToEndOfFile()
        unzip.waitUntilExit()
        return try OpenBTrace(nodes: nodes, pods: String(decoding: pods, as: UTF8.self))
    }

    /// Unallocated GPU in percent at 100 and 130 % of demand, the mean over two seeds.
    static func unallocated(_ trace: OpenBTrace, _ policy: OpenBPolicy) -> [Double] {
        let runs = [42, 43].map { trace.simulate(policy, seed: $0, cpuClock: { 0 }) }
        return ["100", "130"].map { key in
            runs.reduce(0) { $0 + ($1.value("unallocatedPercent", key: key) ?? .nan) } / Double(runs.count)
        }
    }
}

@Suite(.enabled(if: Published.isPresent))
struct OpenBPublishedTests {
    /// The published means; single seeds scatter by up to 0.6, so two may differ from ten by about as much.
    @Test(arguments: [
        ("default", OpenBPolicy.fgd, [4.77, 4.61], 0.3), ("default", .bestfit, [7.14, 6.92], 0.4),
        ("default", .dotprod, [9.38, 9.15], 0.8), ("default", .gpupacking, [8.22, 8.00], 1.0),
        ("default", .gpuclustering, [8.35, 8.12], 1.0), ("default", .random, [13.70, 12.53], 0.7),
        ("multigpu50", .fgd, [2.91, 2.82], 0.3), ("multigpu50", .bestfit, [4.38, 4.26], 0.6),
        ("multigpu50", .dotprod, [5.27, 5.15], 0.8), ("multigpu50", .gpupacking, [3.94, 3.82], 0.6),
        ("multigpu50", .gpuclustering, [4.31, 4.19], 0.6), ("multigpu50", .random, [18.72, 9.73], 1.5),
    ])
    func `the published policies give the published figures`(
        trace: String, policy: OpenBPolicy, published: [Double], tolerance: Double
    ) throws {
        let figures = Published.unallocated(try Published.trace(trace), policy)
        for (figure, published) in zip(figures, published) { #expect(abs(figure - published) < tolerance) }
    }

    @Test(arguments: ["default", "gpuspec33"])
    func `Berth leaves less unallocated than fragmentation gradient descent`(name: String) throws {
        let trace = try Published.trace(name)
        let berth = Published.unallocated(trace, .berth)
        let descent = Published.unallocated(trace, .fgd)
        for (berth, descent) in zip(berth, descent) { #expect(berth < descent - 0.3) }
    }
}
