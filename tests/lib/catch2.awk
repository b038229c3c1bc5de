# Catch2 v2's XML report to lines "STATUS<TAB>NAME<TAB>SECONDS<TAB>REASON".
function attribute(line, name,    at, rest) {
    at = index(line, name "=\"")
    if (at == 0) return ""
    rest = substr(line, at + length(name) + 2)
    return substr(rest, 1, index(rest, "\"") - 1)
}
function plain(text) {
    gsub(/&quot;/, "\"", text); gsub(/&apos;/, "'", text); gsub(/&lt;/, "<", text); gsub(/&gt;/, ">", text)
    gsub(/&amp;/, "\\&", text); gsub(/^[ \t]+|[ \t]+$/, "", text)
    return text
}
/<TestCase / { name = plain(attribute($0, "name")); reason = ""; in_case = 1 }
in_case && /<Warning>/ { in_warning = 1; next }
in_warning && /<\/Warning>/ { in_warning = 0 }
in_warning { text = plain($0); if (reason == "" && text ~ /^(SKIP|skip)/) { sub(/^[A-Za-z]+:? */, "", text); reason = text } }
in_case && /<OverallResult / {
    ok = attribute($0, "success") == "true"
    print (ok ? (reason == "" ? "pass" : "skip") : "fail") "\t" name "\t" attribute($0, "durationInSeconds") + 0 "\t" (ok ? reason : "see the output above")
    in_case = 0
}
