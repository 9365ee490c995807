package import BerthModel

/// Where a task's checkpoint can be asked for, part by part: its former node, through whatever lies between.
package protocol CheckpointSource: Sendable {
    /// The part that is asked for. What is wrong with the request or its subject is told in the part.
    ///
    /// - Throws: where no answer came; it may be asked again.
    func part(_ request: CheckpointRequest, on node: NodeName) async throws -> CheckpointPart
}
