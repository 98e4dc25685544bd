package validate

import "strings"

// charsets holds names of the IANA character set registry in lower case: the preferred MIME names and common aliases. A
// missing name causes a warning.
var charsets = func() map[string]struct{} {
	all := map[string]struct{}{}
	for name := range strings.FieldsSeq(`utf-8 utf-7 utf-16 utf-16be utf-16le utf-32 utf-32be utf-32le iso-10646-ucs-2
		iso-10646-ucs-4 iso-10646-utf-1 scsu cesu-8 bocu-1 us-ascii ascii ansi_x3.4-1968 iso646-us latin1 latin2 latin3
		latin4 latin5 latin6 latin-9 l1 l2 l3 l4 l5 l6 l8 l10 cp819 ibm819 iso_8859-1:1987 shift_jis ms_kanji windows-31j
		cswindows31j euc-jp euc-kr iso-2022-jp iso-2022-jp-2 iso-2022-kr iso-2022-cn iso-2022-cn-ext ks_c_5601-1987 korean
		gb2312 gb_2312-80 gbk cp936 ms936 gb18030 hz-gb-2312 big5 big5-hkscs tis-620 koi8-r koi8-u koi7-switched macintosh
		mac viscii vscii hp-roman8 roman8 r8 dec-mcs ptcp154 kz-1048 brf jis_x0201 adobe-standard-encoding
		ebcdic-us ebcdic-es iso-ir-100 iso-ir-101 iso-ir-58 iso-ir-149 ascii-7 us`) {
		all[name] = struct{}{}
	}
	for _, n := range strings.Fields("1 2 3 4 5 6 6-e 6-i 7 8 8-e 8-i 9 10 11 13 14 15 16") {
		all["iso-8859-"+n] = struct{}{}
		all["iso_8859-"+n] = struct{}{}
	}
	for _, n := range strings.Fields("874 1250 1251 1252 1253 1254 1255 1256 1257 1258") {
		all["windows-"+n] = struct{}{}
	}
	for _, n := range strings.Fields(`037 038 273 274 275 277 278 280 281 284 285 290 297 420 423 424 437 500 775 850 851 852
		855 857 860 861 862 863 864 865 866 868 869 870 871 880 891 903 904 905 918 1026 1047`) {
		all["ibm"+n] = struct{}{}
		all["cp"+n] = struct{}{}
		all[n] = struct{}{}
	}
	for _, n := range strings.Fields("00858 00924 01140 01141 01142 01143 01144 01145 01146 01147 01148 01149 -thai -symbols") {
		all["ibm"+n] = struct{}{}
	}
	return all
}()

func isCharset(name []byte) bool {
	_, ok := charsets[strings.ToLower(string(name))]
	return ok
}

// preferredCharsets maps aliases of common character sets in the IANA registry, in lower case, to the preferred MIME
// name or else the registry's name. Character sets without aliases need no row.
var preferredCharsets = func() map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(preferredCharsetText) {
		names := strings.Fields(line)
		for _, name := range names {
			all[strings.ToLower(name)] = names[0]
		}
	}
	return all
}()

const preferredCharsetText = `
US-ASCII ASCII ANSI_X3.4-1968 ANSI_X3.4-1986 ISO_646.irv:1991 ISO646-US us iso-ir-6 IBM367 cp367 csASCII
ISO-8859-1 ISO_8859-1:1987 ISO_8859-1 iso-ir-100 latin1 l1 IBM819 CP819 csISOLatin1
ISO-8859-2 ISO_8859-2:1987 ISO_8859-2 iso-ir-101 latin2 l2 csISOLatin2
ISO-8859-3 ISO_8859-3:1988 ISO_8859-3 iso-ir-109 latin3 l3 csISOLatin3
ISO-8859-4 ISO_8859-4:1988 ISO_8859-4 iso-ir-110 latin4 l4 csISOLatin4
ISO-8859-5 ISO_8859-5:1988 ISO_8859-5 iso-ir-144 cyrillic csISOLatinCyrillic
ISO-8859-6 ISO_8859-6:1987 ISO_8859-6 iso-ir-127 ECMA-114 ASMO-708 arabic csISOLatinArabic
ISO-8859-7 ISO_8859-7:1987 ISO_8859-7 iso-ir-126 ELOT_928 ECMA-118 greek greek8 csISOLatinGreek
ISO-8859-8 ISO_8859-8:1988 ISO_8859-8 iso-ir-138 hebrew csISOLatinHebrew
ISO-8859-9 ISO_8859-9:1989 ISO_8859-9 iso-ir-148 latin5 l5 csISOLatin5
ISO-8859-10 iso-ir-157 latin6 l6 ISO_8859-10:1992 csISOLatin6
ISO-8859-13 csISO885913
ISO-8859-14 iso-ir-199 ISO_8859-14:1998 ISO_8859-14 latin8 iso-celtic l8 csISO885914
ISO-8859-15 ISO_8859-15 Latin-9 csISO885915
ISO-8859-16 iso-ir-226 ISO_8859-16:2001 ISO_8859-16 latin10 l10 csISO885916
UTF-8 csUTF8 UTF8
UTF-16 csUTF16
UTF-16BE csUTF16BE
UTF-16LE csUTF16LE
UTF-32 csUTF32
UTF-7 csUTF7
Shift_JIS MS_Kanji csShiftJIS
EUC-JP Extended_UNIX_Code_Packed_Format_for_Japanese csEUCPkdFmtJapanese
EUC-KR csEUCKR
ISO-2022-KR csISO2022KR
ISO-2022-JP csISO2022JP
ISO-2022-JP-2 csISO2022JP2
KS_C_5601-1987 iso-ir-149 KS_C_5601-1989 KSC_5601 korean csKSC56011987
GB2312 csGB2312
GB_2312-80 iso-ir-58 chinese csISO58GB231280
GBK CP936 MS936 windows-936 csGBK
GB18030 csGB18030
Big5 csBig5
Big5-HKSCS csBig5HKSCS
KOI8-R csKOI8R
KOI8-U csKOI8U
windows-31J csWindows31J
windows-874 cswindows874
windows-1250 cswindows1250
windows-1251 cswindows1251
windows-1252 cswindows1252
windows-1253 cswindows1253
windows-1254 cswindows1254
windows-1255 cswindows1255
windows-1256 cswindows1256
windows-1257 cswindows1257
windows-1258 cswindows1258
macintosh mac csMacintosh
TIS-620 csTIS620 ISO-8859-11
IBM437 cp437 437 csPC8CodePage437
IBM850 cp850 850 csPC850Multilingual
IBM852 cp852 852 csPCp852
IBM855 cp855 855 csIBM855
IBM857 cp857 857 csIBM857
IBM860 cp860 860 csIBM860
IBM861 cp861 861 cp-is csIBM861
IBM862 cp862 862 csPC862LatinHebrew
IBM863 cp863 863 csIBM863
IBM865 cp865 865 csIBM865
IBM866 cp866 866 csIBM866
IBM037 cp037 ebcdic-cp-us ebcdic-cp-ca ebcdic-cp-wt ebcdic-cp-nl csIBM037
IBM500 CP500 ebcdic-cp-be ebcdic-cp-ch csIBM500
hp-roman8 roman8 r8 csHPRoman8
VISCII csVISCII
`

// preferredCharset returns the preferred name of a character set, or "" if it is not in the table.
func preferredCharset(name []byte) string {
	if len(name) > 60 {
		return ""
	}
	return preferredCharsets[strings.ToLower(string(name))]
}
