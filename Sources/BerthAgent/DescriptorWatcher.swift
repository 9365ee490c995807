import Foundation
import Glibc
import Synchronization

/// Waits for many descriptors to become readable on one thread of its own: pipes on which keepers answer, and
/// descriptors of processes (pidfd_open(2)), which become readable when the process ends.
final class DescriptorWatcher: Sendable {
    private let epoll: Int32
    private let waiting = Mutex<[Int32: @Sendable () -> Void]>([:])

    init() throws {
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC.rawValue))
        guard epoll >= 0 else { throw ExecutionProblem("epoll cannot be had", errno) }
        let epoll = epoll
        let thread = Thread { [weak self] in
            var events = [epoll_event](repeating: epoll_event(), count: 64)
            while true {
                let count = epoll_wait(epoll, &events, 64, -1)
                if count < 0, errno != EINTR { return }
                for event in events.prefix(Int(max(0, count))) { self?.fire(event.data.fd) }
            }
        }
        thread.name = "descriptors"
        thread.start()
    }

    /// Calls `action` once, on the watcher's thread, when `descriptor` is readable. It must not block.
    func whenReadable(_ descriptor: Int32, _ action: @escaping @Sendable () -> Void) {
        waiting.withLock { $0[descriptor] = action }
        var event = epoll_event()
        event.events = EPOLLIN.rawValue | EPOLLONESHOT.rawValue
        event.data.fd = descriptor
        if epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) != 0, errno == EEXIST {
            epoll_ctl(epoll, EPOLL_CTL_MOD, descriptor, &event)
        }
    }

    private func fire(_ descriptor: Int32) {
        waiting.withLock { $0.removeValue(forKey: descriptor) }?()
    }
}

/// Something of the node's own that failed, in a sentence.
struct ExecutionProblem: Error, CustomStringConvertible {
    let description: String

    init(_ sentence: String, _ code: Int32) { description = "\(sentence): \(String(cString: strerror(code)))." }
    init(_ sentence: String) { description = sentence }
}
