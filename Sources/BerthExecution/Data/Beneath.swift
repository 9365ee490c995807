import Glibc

/// Opens what lies beneath a directory, by a relative path of which no part may be a symbolic link: whoever may write
/// there could make one that leads anywhere.
///
/// - Returns: a descriptor, or -1 with errno set; ELOOP or ENOTDIR where a part is a link.
func openBeneath(_ directory: Int32, _ path: String, _ flags: Int32, mode: mode_t = 0o600) -> Int32 {
    var parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard let name = parts.popLast(), !parts.contains(".."), name != ".." else {
        errno = EINVAL
        return -1
    }
    var parent = directory
    defer { if parent != directory { close(parent) } }
    for part in parts {
        let next = openat(parent, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        let code = errno
        if parent != directory { close(parent) }
        parent = next
        errno = code
        guard next >= 0 else {
            parent = directory
            return -1
        }
    }
    return openat(parent, name, flags | O_NOFOLLOW | O_CLOEXEC, mode)
}

/// The names in a directory, without `.` and `..`, in no order; nil where it cannot be read. A name that is not UTF-8 is
/// told as nil.
func names(in directory: Int32) -> [String?]? {
    // The stream owns a descriptor of its own, from the beginning.
    let own = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard own >= 0, let stream = fdopendir(own) else {
        if own >= 0 { close(own) }
        return nil
    }
    defer { closedir(stream) }
    var names: [String?] = []
    while let entry = readdir(stream) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
            tuple.withMemoryRebound(to: CChar.self, capacity: 256) { String(validatingCString: $0) }
        }
        if name != ".", name != ".." { names.append(name) }
    }
    return names
}
