import BerthModel
import Foundation
import SwiftProtobuf

extension AgentFrame {
    package init(_ wire: Berth_V1_AgentFrame) throws {
        switch wire.kind {
        case .hello(let hello):
            self = .message(
                .hello(try decoded(hello.registration), try decoded(hello.statuses)),
                topologyXML: Array(hello.topologyXml))
        case .heartbeat(let heartbeat):
            self = heartbeat.pools.isEmpty ? .message(.heartbeat) : .pools(try decoded(heartbeat.pools))
        case .update(let update): self = .message(.update(try decoded(update.status)))
        case .report(let report):
            self = .message(
                .report(attempt: try attemptID(report.attempt), fence: report.fence, try decoded(report.report)))
        case .logPart(let part):
            self = .logPart(
                LogPart(
                    request: part.request, data: Array(part.data), isAtEnd: part.atEnd,
                    problem: part.problem.isEmpty ? nil : part.problem,
                    nextOffset: part.nextOffset == 0 ? nil : part.nextOffset))
        case .readData(let question): self = .readData(try DataQuestion(question))
        case .dataPart(let part): self = .dataPart(DataAnswer(part))
        case nil:
            throw MalformedFrame(description: "An agent sent a frame of a kind that this controller does not know.")
        }
    }

    package func wire() throws -> Berth_V1_AgentFrame {
        var wire = Berth_V1_AgentFrame()
        switch self {
        case .message(.hello(let registration, let statuses), let topologyXML):
            wire.hello = try .with {
                $0.registration = try encoded(registration)
                $0.statuses = try encoded(statuses)
                $0.topologyXml = Data(topologyXML)
            }
        case .message(.heartbeat, _): wire.heartbeat = Berth_V1_Heartbeat()
        case .pools(let statuses): wire.heartbeat = try .with { $0.pools = try encoded(statuses) }
        case .message(.update(let status), _): wire.update = try .with { $0.status = try encoded(status) }
        case .message(.report(let attempt, let fence, let report), _):
            wire.report = try .with {
                $0.attempt = attempt.description
                $0.fence = fence
                $0.report = try encoded(report)
            }
        case .logPart(let part):
            wire.logPart = .with {
                $0.request = part.request
                $0.data = Data(part.data)
                $0.atEnd = part.isAtEnd
                $0.problem = part.problem ?? ""
                $0.nextOffset = part.nextOffset ?? 0
            }
        case .readData(let question): wire.readData = question.wire
        case .dataPart(let answer): wire.dataPart = answer.wire
        }
        return wire
    }
}

extension ControllerFrame {
    package init(_ wire: Berth_V1_ControllerFrame) throws {
        switch wire.kind {
        case .welcome(let welcome):
            self = .welcome(heartbeatInterval: .milliseconds(Int64(clamping: welcome.heartbeatMilliseconds)))
        case .start(let start): self = .message(.start(try decoded(start.order)))
        case .stop(let stop):
            guard let reason = StopReason(rawValue: stop.reason) else {
                throw MalformedFrame(
                    description: "The controller gave the unknown reason \"\(stop.reason)\" for a stop.")
            }
            self = .message(.stop(attempt: try attemptID(stop.attempt), fence: stop.fence, reason))
        case .acknowledge(let acknowledge):
            self = .message(
                .acknowledge(attempt: try attemptID(acknowledge.attempt), fence: acknowledge.fence))
        case .readLog(let request):
            self = .readLog(
                LogRequest(
                    request: request.request, attempt: try attemptID(request.attempt),
                    isStandardError: request.standardError, file: request.file.isEmpty ? nil : request.file,
                    user: request.user, offset: request.offset, limit: request.limit,
                    wait: .milliseconds(Int64(clamping: request.waitMilliseconds))))
        case .readData(let question): self = .readData(try DataQuestion(question))
        case .dataPart(let part): self = .dataPart(DataAnswer(part))
        case nil:
            throw MalformedFrame(description: "The controller sent a frame of a kind that this agent does not know.")
        }
    }

    package func wire() throws -> Berth_V1_ControllerFrame {
        var wire = Berth_V1_ControllerFrame()
        switch self {
        case .welcome(let interval):
            wire.welcome = .with { $0.heartbeatMilliseconds = UInt64(clamping: interval.microseconds / 1000) }
        case .message(.start(let order)): wire.start = try .with { $0.order = try encoded(order) }
        case .message(.stop(let attempt, let fence, let reason)):
            wire.stop = .with {
                $0.attempt = attempt.description
                $0.fence = fence
                $0.reason = reason.rawValue
            }
        case .message(.acknowledge(let attempt, let fence)):
            wire.acknowledge = .with {
                $0.attempt = attempt.description
                $0.fence = fence
            }
        case .announce: throw MalformedFrame(description: "Nothing is announced to an agent that is elsewhere.")
        case .readLog(let request):
            wire.readLog = .with {
                $0.request = request.request
                $0.attempt = request.attempt.description
                $0.standardError = request.isStandardError
                $0.file = request.file ?? ""
                $0.user = request.user
                $0.offset = request.offset
                $0.limit = request.limit
                $0.waitMilliseconds = UInt64(clamping: request.wait.microseconds / 1000)
            }
        case .readData(let question): wire.readData = question.wire
        case .dataPart(let answer): wire.dataPart = answer.wire
        }
        return wire
    }
}

private func attemptID(_ text: String) throws -> AttemptID {
    guard let id = AttemptID(text) else { throw MalformedFrame(description: "\"\(text)\" names no attempt.") }
    return id
}

private func encoded(_ value: some Encodable) throws -> Data { Data(try CanonicalJSON.bytes(of: value)) }
private func decoded<Value: Decodable>(_ data: Data) throws -> Value {
    do { return try JSONDecoder().decode(Value.self, from: data) } catch {
        throw MalformedFrame(description: "A frame should hold the JSON of \(Value.self), and does not: \(error)")
    }
}
