/// The text of an SVG document as it grows.
struct SVGText {
    private(set) var text = ""

    /// Adds an element; what `body` adds stands within it.
    mutating func element(_ name: String, _ attributes: [(String, String)], _ body: (inout SVGText) -> Void) {
        open(name, attributes)
        text += ">"
        body(&self)
        text += "</\(name)>\n"
    }

    mutating func element(_ name: String, _ attributes: [(String, String)]) {
        open(name, attributes)
        text += "/>\n"
    }

    /// Adds an element that holds words; `<`, `&` and what XML cannot say are taken care of.
    mutating func element(_ name: String, _ attributes: [(String, String)] = [], words: String) {
        element(name, attributes) { $0.text += Self.escaped(words) }
    }

    /// Adds a style sheet, whose text is its author's promise.
    mutating func style(_ sheet: String) { text += "<style>\(sheet)</style>\n" }

    private mutating func open(_ name: String, _ attributes: [(String, String)]) {
        text += "<\(name)"
        for (key, value) in attributes { text += " \(key)=\"\(Self.escaped(value))\"" }
    }

    private static func escaped(_ words: String) -> String {
        var text = ""
        for scalar in words.unicodeScalars {
            switch scalar {
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "&": text += "&amp;"
            case "\"": text += "&quot;"
            // XML 1.0 has no way to write these.
            case "\u{0}"..<" ", "\u{FFFE}", "\u{FFFF}": text += " "
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}

extension Double {
    /// As a coordinate, to a tenth of a pixel.
    var pixels: String { shortText(decimals: 1) }
}
