import BerthModel

/// A server that speaks the Open Inference Protocol, version 2, as an agent speaks with it: whether it is ready, which
/// models it has, and the loading of one (the protocol's model repository extension).
///
/// Source: https://github.com/kserve/open-inference-protocol, and Triton's `extension_model_repository.md`.
struct ModelServer: Sendable {
    let url: String
    let client: ModelServerClient

    /// For an answer to a question about readiness.
    private static let patience = Duration.seconds(5)
    /// After a model was loaded, or where a server takes no orders to load one, it is waited for so long.
    private static let settling = Duration.seconds(2)

    func isReady(at path: String) async -> Bool {
        (try? await client.ask(.get, url + path, Self.patience))?.status == 200
    }

    /// nil where no answer comes.
    func readiness(of model: ModelReference) async -> Bool? {
        (try? await client.ask(.get, url + model.path + "/ready", Self.patience)).map { $0.status == 200 }
    }

    /// Has a model loaded, and returns when it can be asked. A server without the extension says that there is no such
    /// address or method, and then it can only be waited whether it has the model by itself.
    ///
    /// - Throws: a sentence with what the server says.
    func load(_ model: ModelReference, within patience: Duration) async throws {
        let answer: ModelServerClient.Answer
        do {
            answer = try await client.ask(.post, url + "/v2/repository/models/\(model.name)/load", patience)
        } catch {
            throw ExecutionProblem("The server did not answer when the model \(model) was to be loaded: \(error).")
        }
        guard (200..<300).contains(answer.status) || [404, 405, 501].contains(answer.status) else {
            throw ExecutionProblem("The model \(model) cannot be loaded: \(Self.shown(answer)).")
        }
        let deadline = ContinuousClock.now + Self.settling
        while await readiness(of: model) != true {
            guard ContinuousClock.now < deadline else {
                throw ExecutionProblem(
                    "The server has no model \(model) ready, and to load it \(Self.shown(answer)).")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// `it answered 400: failed to load`.
    private static func shown(_ answer: ModelServerClient.Answer) -> String {
        let text = answer.text.split(whereSeparator: \.isNewline).joined(separator: " ").prefix(500)
        return "it answered \(answer.status)" + (text.isEmpty ? "" : ": \(text)")
    }
}
