/// The `#BERTH --option …` lines at the head of a script.
public enum ScriptOptions {
    /// The words of all such lines, as a shell would split them. Only lines before the first that is no comment count.
    ///
    /// - Throws: where a quote is not closed.
    public static func words(in script: String, file: String) throws(DescriptionError) -> [String] {
        var words: [String] = []
        for (number, line) in script.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let text = line.drop { $0 == " " || $0 == "\t" }
            guard text.isEmpty || text.hasPrefix("#") else { break }
            guard text.hasPrefix("#BERTH"), text.dropFirst(6).first.map({ $0 == " " || $0 == "\t" }) == true else {
                continue
            }
            guard let own = split(text.dropFirst(6)) else {
                throw DescriptionError(file, number + 1, "a quote is not closed")
            }
            words += own
        }
        return words
    }

    /// Single and double quotes, and `\` before a character; nil where a quote is not closed.
    static func split(_ line: some StringProtocol) -> [String]? {
        var words: [String] = []
        var word: String?
        var quote: Character?
        var isEscaped = false
        for character in line {
            if isEscaped {
                word = (word ?? "") + String(character)
                isEscaped = false
            } else if character == "\\", quote != "'" {
                isEscaped = true
            } else if let open = quote {
                if character == open { quote = nil } else { word = (word ?? "") + String(character) }
            } else if character == "'" || character == "\"" {
                quote = character
                word = word ?? ""
            } else if character == "#", word == nil {
                break
            } else if character.isWhitespace {
                if let whole = word { words.append(whole) }
                word = nil
            } else {
                word = (word ?? "") + String(character)
            }
        }
        guard quote == nil, !isEscaped else { return nil }
        return words + (word.map { [$0] } ?? [])
    }
}
