package validate

import "strings"

// charsets are names of the IANA character set registry, in lower case: the preferred MIME names and the aliases in use.
// Missing one costs its sender a warning.
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
