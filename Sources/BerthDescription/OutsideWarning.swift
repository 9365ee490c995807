/// Where the outside tells a node that it will soon be gone, as clouds do a minute or two ahead.
public enum OutsideWarning: Sendable, Hashable {
    /// A file appears.
    case file(String)
    /// A URL answers 200 with a body; it is asked at this interval.
    case url(String, every: Duration)

    init(document: Document) throws(DescriptionError) {
        var fields = try Fields(document, "warning")
        let (file, url, interval) = (try fields.text("file"), try fields.text("url"), try fields.duration("every"))
        try fields.finish()
        switch (file, url) {
        case (let file?, nil):
            guard file.hasPrefix("/") else {
                throw document.failure("file is an absolute path, and not \"\(file.shown)\"")
            }
            guard interval == nil else {
                throw document.failure("every belongs to a url; a file is looked for each second")
            }
            self = .file(file)
        case (nil, let url?):
            guard url.hasPrefix("http://"), url.utf8.count > 7, !url.contains(where: \.isWhitespace) else {
                throw document.failure("url is http://…, and not \"\(url.shown)\"")
            }
            let interval = interval ?? .seconds(5)
            guard interval >= .seconds(1) else { throw document.failure("every is at least 1s") }
            self = .url(url, every: interval)
        case (_?, _?), (nil, nil): throw document.failure("warning has a file or a url")
        }
    }
}
