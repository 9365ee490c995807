import ArgumentParser
import AsyncHTTPClient
import BerthModel
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1

/// Requests to a model server as a job: what the pool's server of the job answers, in the order of the requests.
struct Infer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "infer",
        abstract: "Have a model server answer a file of requests (Open Inference Protocol, version 2).",
        discussion:
            "In a job of a pool of model servers: berth submit --pool P --model M -- berth infer --input F --output F")

    @Option(help: ArgumentHelp("The server (default: $BERTH_SERVER_URL, that of the job's pool).", valueName: "url"))
    var server: String?
    @Option(help: ArgumentHelp("The model (default: the job's).", valueName: "name[:version]"))
    var model: String?
    @Option(
        help: ArgumentHelp("One request in JSON, or a request a line (default: standard input).", valueName: "file"))
    var input = "-"
    @Option(help: ArgumentHelp("Takes the answers, whole or not at all (default: standard output).", valueName: "file"))
    var output = "-"
    @Option(help: ArgumentHelp("Requests that are under way at one time.", valueName: "n")) var parallel = 8

    static let mostParallel = 1024

    func run() async throws {
        guard (1...Self.mostParallel).contains(parallel) else {
            throw Failure(2, "--parallel is from 1 to \(Self.mostParallel), and here stands \(parallel).")
        }
        let url = try serverURL() + modelReference().path + "/infer"
        var requests = try InferenceRequests(input)
        let answers = try AnswerFile(output)
        do {
            try await withThrowingTaskGroup(of: (Int, Data).self) { group in
                var (asked, written) = (0, 0)
                var early: [Int: Data] = [:]  // Answers that came before an earlier request's.
                while true {
                    while asked - written < 4 * parallel, asked - written - early.count < parallel,
                        let request = try requests.next()
                    {
                        let (number, call) = (asked, InferenceCall(url: url, body: request, number: asked + 1))
                        group.addTask { (number, try await call.answer()) }
                        asked += 1
                    }
                    guard let (number, answer) = try await group.next() else { break }
                    early[number] = answer
                    while let next = early.removeValue(forKey: written) {
                        try answers.add(next)
                        written += 1
                    }
                }
            }
            try answers.finish()
        } catch {
            answers.discard()
            throw error
        }
    }

    private func serverURL() throws -> String {
        guard let url = server ?? ProcessInfo.processInfo.environment["BERTH_SERVER_URL"] else {
            throw Failure(
                2,
                "There is no server: BERTH_SERVER_URL is set in jobs of a pool of model servers. Name one with --server."
            )
        }
        guard ["http://", "https://", "http+unix://"].contains(where: url.hasPrefix) else {
            throw Failure(2, "\"\(url)\" is no address of a server; it is http://…, https://… or http+unix://….")
        }
        return url.hasSuffix("/") ? String(url.dropLast()) : url
    }

    private func modelReference() throws -> ModelReference {
        let environment = ProcessInfo.processInfo.environment
        let own = environment["BERTH_MODEL"].map { name in
            environment["BERTH_MODEL_VERSION"].map { "\(name):\($0)" } ?? name
        }
        guard let text = model ?? own else {
            throw Failure(2, "There is no model: the job names none. Name one with --model, here or to berth submit.")
        }
        guard let reference = ModelReference(text) else {
            throw Failure(2, "\"\(text)\" is no model; those are like resnet, or resnet:3 for a version.")
        }
        return reference
    }
}

/// One request, until it is answered.
private struct InferenceCall {
    let url: String
    let body: Data
    /// From 1, for messages.
    let number: Int

    /// A server that is away, as while it is started again, or busy is asked again for so long.
    private static let patience = Duration.seconds(60)
    /// Bytes of an answer.
    private static let mostBytes = 1 << 30

    /// As many connections as requests are under way. It lives as long as the program.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.timeout.connect = .seconds(10)
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = Infer.mostParallel
        return HTTPClient(eventLoopGroup: HTTPClient.defaultEventLoopGroup, configuration: configuration)
    }()

    /// - Returns: the answer, without line breaks: in JSON those stand between values only.
    func answer() async throws -> Data {
        let deadline = ContinuousClock.now + Self.patience
        var wait = Duration.milliseconds(50)
        while true {
            var problem = ""
            do {
                let response = try await Self.client.execute(request, timeout: .hours(24))
                var data = Data(buffer: try await response.body.collect(upTo: Self.mostBytes))
                if response.status == .ok {
                    for index in data.indices where data[index] == 10 || data[index] == 13 { data[index] = 32 }
                    return data
                }
                problem =
                    "the server answered \(response.status.code): \(String(decoding: data.prefix(1000), as: UTF8.self))"
                guard response.status == .serviceUnavailable else { throw Failure(1, "Request \(number): \(problem)") }
            } catch let failure as Failure {
                throw failure
            } catch {
                try Task.checkCancellation()
                problem = "the server at \(url) cannot be reached (\(error))"
            }
            guard ContinuousClock.now < deadline else {
                throw Failure(1, "Request \(number): \(problem), again and again for \(Self.patience.text).")
            }
            try await Task.sleep(for: wait)
            wait = min(wait * 2, .seconds(2))
        }
    }

    private var request: HTTPClientRequest {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/json")
        request.body = .bytes(ByteBuffer(data: body))
        return request
    }
}
