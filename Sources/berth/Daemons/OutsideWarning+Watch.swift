import AsyncHTTPClient
import BerthDescription
import BerthExecution
import BerthModel
import NIOCore
import NIOHTTP1

extension AgentConfiguration {
    var outputLimits: OutputLimits { OutputLimits(maximumBytes: outputMaximumBytes, keep: outputKeep) }
}

extension OutsideWarning {
    /// Waits for it.
    var watch: WarningWatch {
        switch self {
        case .file(let path): WarningWatch(file: path)
        case .url(let url, let interval):
            WarningWatch(every: interval) {
                // A server that cannot be reached, refuses or hangs is no warning.
                let request = HTTPClientRequest(url: url)
                let patience = TimeAmount.microseconds(min(interval, .seconds(5)).microseconds)
                guard let answer = try? await HTTPClient.shared.execute(request, timeout: patience),
                    answer.status == .ok, let body = try? await answer.body.collect(upTo: 64 << 10)
                else { return false }
                return body.readableBytes > 0
            }
        }
    }
}
