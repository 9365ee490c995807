import BerthExecution
import BerthModel
import Foundation
import Testing

private let mlserver: String? = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    .map { (folder: Substring) -> String in folder + "/mlserver" }.first { access($0, X_OK) == 0 }

/// The same with a server that others have written: where MLServer is installed (`pip install mlserver`).
@Suite(.enabled(if: PoolStage.isPossible && mlserver != nil))
struct MLServerTests {
    private static let model = """
        from mlserver import MLModel
        from mlserver.types import InferenceResponse, ResponseOutput


        class Sum(MLModel):
            async def load(self):
                return True

            async def predict(self, payload):
                total = sum(payload.inputs[0].data)
                output = ResponseOutput(name="sum", shape=[1], datatype="FP64", data=[total])
                return InferenceResponse(model_name=self.name, outputs=[output])
        """

    /// Asks with the standard library, and prints the answer's number.
    private static let client = """
        import json, os, urllib.request
        inputs = [{"name": "x", "shape": [3], "datatype": "FP64", "data": [1, 2, 4]}]
        url = os.environ["BERTH_SERVER_URL"] + "/v2/models/" + os.environ["BERTH_MODEL"] + "/infer"
        request = urllib.request.Request(
            url, json.dumps({"inputs": inputs}).encode(), {"content-type": "application/json"})
        print(json.load(urllib.request.urlopen(request))["outputs"][0]["data"][0])
        """

    @Test(.timeLimit(.minutes(20)))
    func `MLServer is started, loads a model on demand, and answers the next job at once`() async throws {
        let stage = try PoolStage { folder in
            let models = folder + "/models"
            try FileManager.default.createDirectory(atPath: models + "/sum", withIntermediateDirectories: true)
            try Data(Self.model.utf8).write(to: URL(fileURLWithPath: models + "/sum/sums.py"))
            try Data("{\"name\": \"sum\", \"implementation\": \"sums.Sum\"}".utf8).write(
                to: URL(fileURLWithPath: models + "/sum/model-settings.json"))
            return PoolDefinition(
                name: "pool",
                command: [
                    "/usr/bin/env", "MLSERVER_HTTP_PORT={port}", "MLSERVER_GRPC_PORT={port2}",
                    "MLSERVER_METRICS_PORT={port3}", "MLSERVER_HOST=127.0.0.1", "MLSERVER_LOAD_MODELS_AT_STARTUP=false",
                    "MLSERVER_PARALLEL_WORKERS=0", try #require(mlserver), "start", models,
                ],
                server: PoolDefinition.ServerTerms(readyTime: .seconds(60)))
        }
        let command = [try #require(PoolStage.python), "-c", Self.client]
        let first = try await stage.run(command, .init(model: "sum"))
        #expect(first.output == "7\n", "\(first.end.message ?? "") \(first.errors)")
        #expect(first.pool?.miss == .coldStart)
        let next = try await stage.run(command, .init(model: "sum"))
        #expect(next.output == "7\n" && next.pool?.isHit == true)
        #expect(next.pool?.secondsSaved ?? 0 > 0.5)
        let missing = try await stage.run(command, .init(model: "missing"))
        #expect(missing.end.message?.contains("Model missing not found") == true)
    }
}
