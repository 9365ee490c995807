import AsyncHTTPClient
import BerthExecution
import BerthModel
import NIOCore
import NIOHTTP1

extension ModelServerClient {
    /// By this program's HTTP client.
    static let http = ModelServerClient { method, url, patience in
        var request = HTTPClientRequest(url: url)
        if method == .post {
            request.method = .POST
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(string: "{}"))
        }
        let response = try await client.execute(request, timeout: .microseconds(patience.microseconds))
        var text = ""
        for try await part in response.body where text.utf8.count < mostText {
            text += String(buffer: part).prefix(mostText)
            if text.utf8.count >= mostText { break }
        }
        return Answer(status: Int(response.status.code), text: text)
    }

    /// Characters of an answer that are read.
    private static let mostText = 4096

    /// Goes nowhere but where it is sent: the servers are users' own, and the agent may be root.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.timeout.connect = .seconds(1)
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroup: HTTPClient.defaultEventLoopGroup, configuration: configuration)
    }()
}
