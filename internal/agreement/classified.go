package agreement

import (
	"strings"
	"unicode"
)

// A statement is meant for people: a copyright, a licence. Some publishers also classify by statements ("NATO SECRET"),
// for want of an extension. A word of classification shows that a statement is more than a licence.

// classifyingWords are words and phrases of classification, in lower case and without accents, as plain writes them: the
// levels of NATO, the EU and their members, and common controls on dissemination.
var classifyingWords = wordSet(`
	secret, secrets, confidential, restricted, restreint, classified, unclassified, sensitive, limdis, noforn, nocon, orcon, propin, fouo, sbu,
	official use only, eyes only, need to know, not for public release, not for release, do not distribute, limite, tlp, traffic light, pap red, pap amber,
	geheim, streng geheim, vertraulich, verschlusssache, vs nfd, dienstgebrauch, geheimhaltung, eingestuft, streng vertraulich,
	confidentiel, confidentielle, confidentiels, diffusion restreinte, restreinte, classifie, classifiee,
	secreto, secreta, confidenciales, reservado, reservada, confidencial, difusion limitada, clasificado, clasificada,
	segreto, segreta, segretissimo, riservato, riservata, riservatissimo, confidenziale, classificato, classificata,
	ultrassecreto, ultra secreto, restrito, restrita, classificado, classificada,
	staatsgeheim, vertrouwelijk, gerubriceerd,
	hemmelig, hemmeligt, hemlig, hemligt, fortrolig, fortroligt, konfidentiell, konfidensielt, konfidentielt, begrenset, begransat, tjenestebrug, tjenestebruk,
	salainen, luottamuksellinen, kaytto rajoitettu, salajane, konfidentsiaalne, piiratud,
	slepeni, konfidenciali, dienesta vajadzibam, slaptai, konfidencialiai, riboto naudojimo,
	tajne, scisle tajne, poufne, zastrzezone, prisne tajne, duverne, vyhrazene, doverne, vyhradene,
	titkos, szigoruan titkos, bizalmas, korlatozott terjesztesu, secret de serviciu,
	tajno, vrlo tajno, povjerljivo, ograniceno, zaupno, strogo tajno, poverljivo,
	gizli, cok gizli, hizmete ozel,
	απορρητο, ακρωσ απορρητο, εμπιστευτικο, περιορισμενησ χρησησ,
	секретно, строго секретно, поверително, совершенно секретно, конфиденциально, дсп, таємно, цілком таємно, для службового користування, для служебного пользования
`)

// classifyingParts classify anywhere in a text, for languages without spaces between words.
var classifyingParts = []string{"机密", "绝密", "秘密", "機密", "極秘", "絕密", "取扱注意", "비밀", "기밀", "سري"}

// licencePhrases contain such a word and do not classify: "all rights reserved".
var licencePhrases = []string{"prawa zastrzezone", "prava vyhrazena", "prava vyhradene", "derechos reservados", "direitos reservados", "diritti riservati",
	"derecho reservado", "diritto riservato"}

// portionMarks precede a double slash in portion markings such as TS//SI or U//FOUO.
var portionMarks = []string{"ts", "s", "c", "u", "cui", "r"}

func wordSet(list string) map[string]bool {
	set := make(map[string]bool)
	for word := range strings.SplitSeq(list, ",") {
		set[strings.Join(strings.Fields(word), " ")] = true
	}
	return set
}

// longestPhrase is how many words a phrase of classifyingWords has at most.
const longestPhrase = 4

// classifyingWord returns the word or phrase of classification in a statement, or "".
func classifyingWord(statement string) string {
	text := plain(statement)
	for _, part := range classifyingParts {
		if strings.Contains(text, part) {
			return part
		}
	}
	spaced := strings.Join(strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), " ")
	for _, phrase := range licencePhrases {
		spaced = strings.ReplaceAll(spaced, phrase, "")
	}
	words := strings.Fields(spaced)
	for i := range words {
		for n := 1; n <= longestPhrase && i+n <= len(words); n++ {
			if phrase := strings.Join(words[i:i+n], " "); classifyingWords[phrase] {
				return phrase
			}
		}
	}
	return portionMark(text)
}

func portionMark(text string) string {
	for rest := text; ; {
		before, after, found := strings.Cut(rest, "//")
		if !found {
			return ""
		}
		mark := before[strings.LastIndexFunc(before, func(r rune) bool { return !unicode.IsLetter(r) })+1:]
		for _, known := range portionMarks {
			if mark == known {
				return mark + "//"
			}
		}
		rest = after
	}
}

// bare maps accented and full-width letters to what plain writes.
var bare = strings.NewReplacer(
	"á", "a", "à", "a", "â", "a", "ä", "a", "ã", "a", "å", "a", "ā", "a", "ą", "a", "ă", "a", "æ", "ae", "ç", "c", "č", "c", "ć", "c",
	"ď", "d", "đ", "d", "é", "e", "è", "e", "ê", "e", "ë", "e", "ē", "e", "ě", "e", "ę", "e", "ė", "e", "ğ", "g", "ģ", "g",
	"í", "i", "ì", "i", "î", "i", "ï", "i", "ī", "i", "ı", "i", "į", "i", "ķ", "k", "ł", "l", "ľ", "l", "ļ", "l", "ñ", "n", "ń", "n", "ň", "n", "ņ", "n",
	"ó", "o", "ò", "o", "ô", "o", "ö", "o", "õ", "o", "ő", "o", "ø", "o", "ŕ", "r", "ř", "r", "š", "s", "ś", "s", "ş", "s", "ș", "s", "ß", "ss",
	"ť", "t", "ț", "t", "ţ", "t", "ú", "u", "ù", "u", "û", "u", "ü", "u", "ū", "u", "ů", "u", "ű", "u", "ų", "u", "ý", "y", "ÿ", "y",
	"ž", "z", "ź", "z", "ż", "z", "ά", "α", "έ", "ε", "ή", "η", "ί", "ι", "ό", "ο", "ύ", "υ", "ώ", "ω", "ς", "σ")

// plain returns text in lower case, without accents and with full-width letters as ASCII.
func plain(text string) string {
	return bare.Replace(strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r), r == '\u00ad', r == '\u200b': // combining marks, soft hyphens, zero width
			return -1
		case r >= '！' && r <= '～':
			r -= '！' - '!'
		}
		return unicode.ToLower(r)
	}, text))
}
