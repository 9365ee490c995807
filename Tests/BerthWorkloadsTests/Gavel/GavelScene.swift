import BerthWorkloads
import Foundation

/// A small cluster and its files, by hand.
struct GavelScene {
    var cluster = GavelCluster(types: [.init("old", count: 4), .init("new", count: 4)], roundSeconds: 100)
    /// `both` runs anywhere, `picky` badly on the old type, `stuck` on the new one only.
    var throughputs = """
        worker_type,job_type,scale_factor,steps_per_second
        new,both,1,2
        old,both,1,1.5
        new,both,4,8
        old,both,4,4
        new,picky,1,2
        old,picky,1,0.1
        new,stuck,1,1
        new_unconsolidated,both,1,1
        """
    var jobs = """
        job,arrival_unit,job_type,scale_factor,total_steps
        a,0,both,1,1000
        b,0.5,picky,1,1000
        c,1,both,4,5000
        d,2,stuck,1,300
        e,2.5,both,4,800
        """
    var colocated: String?

    func workload() throws(TraceError) -> GavelWorkload {
        try GavelWorkload(jobs: jobs, throughputs: throughputs, colocated: colocated, cluster: cluster)
    }
}

/// The published files, where a checkout has them beside it.
enum GavelFiles {
    static let folder: URL = {
        let root = URL(filePath: #filePath).appending(path: "../../../../..").standardizedFileURL
        let data = ProcessInfo.processInfo.environment["BERTH_TEST_DATA"].map { URL(filePath: $0) }
        return (data ?? root.appending(path: "shared/data")).appending(path: "gavel-hetero")
    }()

    static var arePresent: Bool {
        FileManager.default.fileExists(atPath: folder.appending(path: "throughputs.csv").path)
    }

    static func workload(seed: Int, sharing: Bool) throws -> GavelWorkload {
        try GavelWorkload(
            jobs: unzipped("jobs_seed\(seed).csv.gz"),
            throughputs: String(contentsOf: folder.appending(path: "throughputs.csv"), encoding: .utf8),
            colocated: sharing ? unzipped("colocated_throughputs.csv.gz") : nil)
    }

    private static func unzipped(_ name: String) throws -> String {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/gzip")
        process.arguments = ["-dc", folder.appending(path: name).path]
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }
}
