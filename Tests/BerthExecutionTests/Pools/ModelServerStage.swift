import BerthExecution
import BerthModel
import Foundation
import Testing

extension PoolStage {
    /// What the server of these tests tells of itself.
    struct Facts: Decodable {
        var pid: Int32
        var loads: Int
        var cpus: [Int]
        var devices: String?
    }

    /// A node with a pool of the model servers that are beside this file.
    ///
    /// - Parameter options: of `model_server.py`.
    static func serving(
        _ options: String..., listening: [String] = ["--port", "{port}"], within readyTime: Duration = .seconds(30),
        python: String? = nil, inventory: Inventory = Inventory(), change: (inout PoolDefinition) -> Void = { _ in }
    ) throws -> PoolStage {
        try PoolStage(inventory: inventory) { folder in
            // Where the users may read it whose slots are started.
            let copy = folder + "/model_server.py"
            let server = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            try Data(contentsOf: server.appendingPathComponent("model_server.py")).write(to: URL(fileURLWithPath: copy))
            chmod(copy, 0o644)
            var pool = PoolDefinition(
                name: "pool", command: [try #require(python ?? Self.python), copy] + listening + options,
                server: PoolDefinition.ServerTerms(readyTime: readyTime), maximumSlots: 4)
            change(&pool)
            return pool
        }
    }

    /// Prints where its server is, and ends.
    static let tells = ["/bin/sh", "-c", "echo $BERTH_SERVER_URL $BERTH_MODEL $BERTH_MODEL_VERSION"]
    /// Prints the same, and goes on until there is a file `go`.
    static let waits = [
        "/bin/sh", "-c", "echo $BERTH_SERVER_URL; until [ -e go ]; do sleep 0.01; done",
    ]

    func letGo() throws { try Data().write(to: URL(fileURLWithPath: folder + "/go")) }

    /// Where the server of a job is that runs.
    func url(of id: AttemptID) async throws -> String {
        let file = execution.outputFile(of: id, isStandardError: false)
        var url: String?
        try await eventually {
            url = (try? String(contentsOfFile: file, encoding: .utf8))?.split(separator: "\n").first.map(String.init)
            return url != nil
        }
        return try #require(url)
    }

    /// Asks a server; nil where none answers.
    func facts(_ url: String) -> Facts? {
        (try? LocalHTTP.ask(.get, url + "/facts")).flatMap {
            try? JSONDecoder().decode(Facts.self, from: Data($0.text.utf8))
        }
    }

    func facts(after run: Run) throws -> Facts {
        try #require(
            facts(run.output.split(separator: " ").first.map { String($0).trimmingCharacters(in: .newlines) } ?? ""))
    }
}
