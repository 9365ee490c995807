package import BerthModel
import CLinux
import Foundation
import Synchronization

/// Waits for many descriptors to become readable on one thread of its own: pipes on which keepers answer, and
/// descriptors of processes (pidfd_open(2)), which become readable when the process ends.
final class DescriptorWatcher: Sendable {
    private let poller: Int32
    private let waiting = Mutex<[Int32: @Sendable () -> Void]>([:])

    init() throws {
        poller = berth_poller()
        guard poller >= 0 else { throw ExecutionProblem("Descriptors cannot be watched", errno) }
        let thread = Thread { [self] in
            var ready = [Int32](repeating: 0, count: 64)
            while true {
                let count = berth_poller_wait(poller, &ready, Int32(ready.count))
                guard count >= 0 else { return }
                for descriptor in ready.prefix(Int(count)) { fire(descriptor) }
            }
        }
        thread.name = "descriptors"
        thread.start()
    }

    /// Calls `action` once, on the watcher's thread, when `descriptor` is readable. It must not block.
    func whenReadable(_ descriptor: Int32, _ action: @escaping @Sendable () -> Void) {
        waiting.withLock { $0[descriptor] = action }
        if berth_poller_watch(poller, descriptor) != 0 { fire(descriptor) }
    }

    private func fire(_ descriptor: Int32) {
        waiting.withLock { $0.removeValue(forKey: descriptor) }?()
    }
}

/// Something of the node's own that failed, in a sentence.
package struct ExecutionProblem: Error, CustomStringConvertible {
    package let description: String
    /// Whose fault it is; nil where whoever threw it does not know.
    package var fault: AttemptEnd.Fault?

    package init(_ sentence: String, _ code: Int32, fault: AttemptEnd.Fault? = nil) {
        self.init("\(sentence): \(String(cString: strerror(code))).", fault: fault)
    }
    package init(_ sentence: String, fault: AttemptEnd.Fault? = nil) {
        (description, self.fault) = (sentence, fault)
    }
}
