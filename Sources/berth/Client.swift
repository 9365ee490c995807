import AsyncHTTPClient
import BerthAPI
import BerthModel
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1

/// Talks to the controller: the one that `BERTH_CONTROLLER` names, else the local one.
struct Client {
    private let address: Address
    private let token: String?

    /// One that says at once when nobody listens; it lives as long as the program.
    private static let http: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.timeout.connect = .seconds(10)
        return HTTPClient(eventLoopGroup: HTTPClient.defaultEventLoopGroup, configuration: configuration)
    }()

    private enum Address {
        case socket(String)
        case url(String)

        var text: String {
            switch self {
            case .socket(let path): "unix:" + path
            case .url(let url): url
            }
        }
    }

    /// The controller that `BERTH_CONTROLLER` names, else the local one.
    init() throws {
        let environment = ProcessInfo.processInfo.environment
        let directory = StateDirectory(nil)
        switch environment["BERTH_CONTROLLER"] {
        case let text? where text.hasPrefix("unix:"): address = .socket(String(text.dropFirst(5)))
        case let text? where text.hasPrefix("http://") || text.hasPrefix("https://"):
            address = .url(text.hasSuffix("/") ? String(text.dropLast()) : text)
        case let text? where !text.isEmpty:
            throw Failure(2, "BERTH_CONTROLLER is \"\(text)\"; it is http://…, https://… or unix:PATH.")
        default: address = .socket(try directory.socket)
        }
        token = Self.token(directory)
    }

    /// The local controller of a state directory.
    init(_ directory: StateDirectory) throws {
        address = .socket(try directory.socket)
        token = nil  // The kernel tells the controller who asks.
    }

    /// Whether another controller than the local one is asked.
    static var isRemote: Bool { ProcessInfo.processInfo.environment["BERTH_CONTROLLER"]?.isEmpty == false }

    private static func token(_ directory: StateDirectory) -> String? {
        let environment = ProcessInfo.processInfo.environment
        let file = environment["BERTH_TOKEN_FILE"] ?? directory.tokenFile
        return environment["BERTH_TOKEN"] ?? InputFile.token(in: file)
    }

    /// Asks again and again while the controller cannot be reached, as it is while it is upgraded; for those who wait
    /// for a job anyway. Gives up after ten minutes.
    func patiently<Answer>(_ ask: (Client) async throws -> Answer) async throws -> Answer {
        let deadline = ContinuousClock.now + .seconds(600)
        var isTold = false
        while true {
            do { return try await ask(self) } catch let failure as Failure where failure.code == 5 {
                guard ContinuousClock.now < deadline else { throw failure }
                if !isTold { Terminal.note("The controller at \(address.text) cannot be reached; waiting for it.") }
                isTold = true
                try await Task.sleep(for: .milliseconds(200))
            }
        }
    }

    /// - Parameter path: after `/api/v1`, its parameters percent-encoded.
    func get<Answer: Decodable>(_ path: String, timeout: Duration = .seconds(90)) async throws -> Answer {
        try Self.decoded(await send(.GET, path, body: nil, timeout: timeout))
    }

    func post<Answer: Decodable>(_ path: String, _ body: Data = Data()) async throws -> Answer {
        try Self.decoded(await send(.POST, path, body: body, timeout: .seconds(90)))
    }

    /// Sends a file.
    func put(_ path: String, file: String, bytes: Int64) async throws {
        guard let handle = FileHandle(forReadingAtPath: file) else {
            throw Failure(2, "\(file) cannot be read: \(String(cString: strerror(errno))).")
        }
        defer { try? handle.close() }
        var request = try request(.PUT, path, body: nil)
        request.body = .stream(FileParts(handle: handle), length: .known(bytes))
        let response = try await execute(request, timeout: .hours(24))
        guard (200..<300).contains(response.status.code) else { throw try await Self.failure(response) }
    }

    /// The answer's bytes as they come.
    func stream(_ path: String, _ take: (ByteBuffer) throws -> Void) async throws {
        let response = try await execute(request(.GET, path, body: nil), timeout: .hours(24 * 365))
        guard response.status == .ok else { throw try await Self.failure(response) }
        var parts = response.body.makeAsyncIterator()
        while true {
            let part: ByteBuffer?
            do { part = try await parts.next() } catch { throw unreachable }
            guard let part else { return }
            try take(part)
        }
    }

    private func request(_ method: HTTPMethod, _ path: String, body: Data?) throws -> HTTPClientRequest {
        var url: String
        switch address {
        case .url(let base): url = base + "/api/v1" + path
        case .socket(let socket):
            let host = socket.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? socket
            url = "http+unix://\(host)/api/v1" + path
        }
        var request = HTTPClientRequest(url: url)
        request.method = method
        if let token { request.headers.add(name: "authorization", value: "Bearer " + token) }
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(data: body))
        }
        return request
    }

    private func send(_ method: HTTPMethod, _ path: String, body: Data?, timeout: Duration) async throws -> Data {
        let response = try await execute(request(method, path, body: body), timeout: timeout)
        guard (200..<300).contains(response.status.code) else { throw try await Self.failure(response) }
        return Data(buffer: try await response.body.collect(upTo: 1 << 30))
    }

    private func execute(_ request: HTTPClientRequest, timeout: Duration) async throws -> HTTPClientResponse {
        do {
            return try await Self.http.execute(
                request,
                timeout: .nanoseconds(
                    Int64(clamping: timeout.microseconds).multipliedReportingOverflow(by: 1000).partialValue))
        } catch {
            throw unreachable
        }
    }

    private var unreachable: Failure {
        Failure(
            5, "The controller at \(address.text) cannot be reached. Start one (berth up), or set BERTH_CONTROLLER.")
    }

    private static func failure(_ response: HTTPClientResponse) async throws -> Failure {
        let data = Data(buffer: try await response.body.collect(upTo: 1 << 20))
        guard let problem = try? JSONDecoder().decode(Problem.self, from: data) else {
            return Failure(1, "The controller answered with status \(response.status.code).")
        }
        return Failure(problem)
    }

    private static func decoded<Answer: Decodable>(_ data: Data) throws -> Answer {
        do { return try JSONDecoder().decode(Answer.self, from: data) } catch {
            throw Failure(
                1, "The controller's answer cannot be read (\(error)). Are both programs of the same version?")
        }
    }

    /// Parameters after a `?`, percent-encoded; those without a value are left out.
    static func query(_ parameters: [(String, String?)]) -> String {
        let parts = parameters.compactMap { name, value in value.map { "\(name)=\(escaped($0))" } }
        return parts.isEmpty ? "" : "?" + parts.joined(separator: "&")
    }

    /// As a part of an address.
    static func escaped(_ text: String) -> String {
        let allowed = CharacterSet(charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
        return text.addingPercentEncoding(withAllowedCharacters: allowed) ?? text
    }
}

/// A file's content, a mebibyte at a time.
private struct FileParts: AsyncSequence, AsyncIteratorProtocol, Sendable {
    let handle: FileHandle

    func makeAsyncIterator() -> FileParts { self }

    func next() async throws -> ByteBuffer? {
        let part = try handle.read(upToCount: 1 << 20) ?? Data()
        return part.isEmpty ? nil : ByteBuffer(data: part)
    }
}

extension Duration {
    static func hours(_ hours: Int) -> Duration { .seconds(hours * 3600) }
}

/// What a user may call a job: `42`, `42.7`.
func taskID(_ text: String) throws -> TaskID {
    guard let id = TaskID(text) else {
        throw Failure(2, "\"\(text)\" is no job's id; those are like 42, or 42.7 for a task of an array.")
    }
    return id
}
