import BerthModel
import Foundation
import SwiftProtobuf

/// Questions for data and their answers are the same in both directions.
extension DataQuestion {
    init(_ wire: Berth_V1_ReadData) throws {
        guard let task = TaskID(wire.task) else {
            throw MalformedFrame(description: "\"\(wire.task)\" names no task.")
        }
        let node = NodeName(wire.node)
        guard node.isWellFormed else { throw MalformedFrame(description: "\"\(wire.node)\" is no name for a node.") }
        guard wire.staged.isEmpty || StagedFile.isDigest(wire.staged) else {
            throw MalformedFrame(description: "\"\(wire.staged)\" is no digest.")
        }
        self.init(
            request: wire.request, node: node,
            subject: DataRequest(
                task: task, path: wire.path.isEmpty ? nil : wire.path,
                staged: wire.staged.isEmpty ? nil : wire.staged, offset: wire.offset, limit: wire.limit))
    }

    var wire: Berth_V1_ReadData {
        .with {
            $0.request = request
            $0.node = node.text
            $0.task = subject.task.description
            $0.path = subject.path ?? ""
            $0.staged = subject.staged ?? ""
            $0.offset = subject.offset
            $0.limit = subject.limit
        }
    }
}

extension DataAnswer {
    init(_ wire: Berth_V1_DataPart) {
        self.init(
            request: wire.request,
            part: DataPart(
                data: Array(wire.data), total: wire.total, isPending: wire.pending,
                problem: wire.problem.isEmpty ? nil : wire.problem))
    }

    var wire: Berth_V1_DataPart {
        .with {
            $0.request = request
            $0.data = Data(part.data)
            $0.total = part.total
            $0.pending = part.isPending
            $0.problem = part.problem ?? ""
        }
    }
}
