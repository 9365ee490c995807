package import BerthModel

/// Where a task's data can be asked for, part by part: its former node, or the controller.
package protocol DataSource: Sendable {
    /// The part that is asked for. What is wrong with the request or its subject is told in the part.
    ///
    /// - Throws: where no answer came; it may be asked again.
    func part(_ request: DataRequest, on node: NodeName) async throws -> DataPart
}

/// How long somebody who asks for data goes on asking.
package struct Patience: Sendable {
    /// How long nothing may come.
    package var silence: Duration
    /// How long the other side may take to read its files before it answers.
    package var preparation: Duration
    /// Between one question and the same question again.
    package var pause: Duration

    package init(
        silence: Duration = .seconds(15), preparation: Duration = .seconds(1800), pause: Duration = .milliseconds(500)
    ) {
        self.silence = silence
        self.preparation = preparation
        self.pause = pause
    }
}

extension DataSource {
    /// Asks, again and again until an answer has come or patience is at its end.
    ///
    /// - Throws: an error with a sentence.
    func answer(to request: DataRequest, by node: NodeName, within patience: Patience) async throws -> DataPart {
        let start = ContinuousClock.now
        while true {
            let waited: Duration
            let problem: any Error
            do {
                let part = try await part(request, on: node)
                if let sentence = part.problem { throw Refusal(description: sentence) }
                guard part.isPending else { return part }
                (waited, problem) = (
                    patience.preparation,
                    ExecutionProblem("\(node) is still reading its files after \(patience.preparation.text).")
                )
            } catch let refusal as Refusal {
                throw ExecutionProblem(refusal.description)
            } catch {
                (waited, problem) = (patience.silence, error)
            }
            try Task.checkCancellation()
            guard ContinuousClock.now - start < waited else { throw problem }
            try await Task.sleep(for: patience.pause)
        }
    }
}

/// The other side has answered that it has no such thing; asking again helps nobody.
private struct Refusal: Error {
    let description: String
}
