package validate

// scoModel lists the STIX Cyber-observable Objects (section 6).
const scoModel = `
artifact: mime_type:str!S-175 payload_bin:bin url:str!S-143 hashes:hashes
 encryption_algorithm:enum=encryption-algorithm-enum decryption_key:str
autonomous-system: number*:int name:str rir:str
directory: path*:str path_enc:str!S-083 ctime:ts mtime:ts atime:ts contains_refs:[->file,directory]
domain-name: value*:str!S-145 resolves_to_refs:[->ipv4-addr,ipv6-addr,domain-name]
email-addr: value*:str!S-146!S-147 display_name:str belongs_to_ref:->user-account
email-message: is_multipart*:bool date:ts content_type:str from_ref:->email-addr sender_ref:->email-addr
 to_refs:[->email-addr] cc_refs:[->email-addr] bcc_refs:[->email-addr] message_id:str subject:str received_lines:[str]
 additional_header_fields:dict~([str]) body:str body_multipart:[{email-mime-part}] raw_email_ref:->artifact
file: hashes:hashes size:int name:str name_enc:str!S-083 magic_number_hex:hex mime_type:str!S-175 ctime:ts mtime:ts
 atime:ts parent_directory_ref:->directory contains_refs:[->SCO] content_ref:->artifact
ipv4-addr: value*:str!S-159 resolves_to_refs:[->mac-addr] belongs_to_refs:[->autonomous-system]
ipv6-addr: value*:str!S-159 resolves_to_refs:[->mac-addr] belongs_to_refs:[->autonomous-system]
mac-addr: value*:str!S-159
mutex: name*:str
network-traffic: start:ts end:ts is_active:bool src_ref:->ipv4-addr,ipv6-addr,mac-addr,domain-name
 dst_ref:->ipv4-addr,ipv6-addr,mac-addr,domain-name src_port:int dst_port:int protocols*:[str]
 src_byte_count:int!S-163 dst_byte_count:int!S-163 src_packets:int!S-163 dst_packets:int!S-163 ipfix:dict^(int|str)!S-158
 src_payload_ref:->artifact dst_payload_ref:->artifact encapsulates_refs:[->network-traffic]
 encapsulated_by_ref:->network-traffic
process: is_hidden:bool pid:int created_time:ts cwd:str command_line:str environment_variables:dict~(str)!S-158
 opened_connection_refs:[->network-traffic] creator_user_ref:->user-account image_ref:->file parent_ref:->process
 child_refs:[->process]
software: name*:str cpe:str!S-167 swid:str languages:[str!S-168] vendor:str version:str
url: value*:str!S-143
user-account: user_id:str credential:str account_login:str account_type:ov=account-type-ov display_name:str
 is_service_account:bool is_privileged:bool can_escalate_privs:bool is_disabled:bool account_created:ts account_expires:ts
 credential_last_changed:ts account_first_login:ts account_last_login:ts
windows-registry-key: key:str!S-171 values:[{windows-registry-value}] modified_time:ts creator_user_ref:->user-account
 number_of_subkeys:int
x509-certificate: is_self_signed:bool hashes:hashes version:str serial_number:str signature_algorithm:str issuer:str
 validity_not_before:ts validity_not_after:ts subject:str subject_public_key_algorithm:str subject_public_key_modulus:str
 subject_public_key_exponent:int x509_v3_extensions:{x509-v3-extensions}
`

// extensionModel lists the predefined extensions by the object type they extend.
const extensionModel = `
file/archive-ext: contains_refs*:[->file,directory!S-156] comment:str
file/ntfs-ext: sid:str alternate_data_streams:[{alternate-data-stream}]
file/pdf-ext: version:str is_optimized:bool document_info_dict:dict~(str)!S-158 pdfid0:str pdfid1:str
file/raster-image-ext: image_height:int image_width:int bits_per_pixel:int exif_tags:dict~(int|str)!S-158
file/windows-pebinary-ext: pe_type*:ov=windows-pebinary-type-ov imphash:str machine_hex:hex number_of_sections:int
 time_date_stamp:ts!S-157 pointer_to_symbol_table_hex:hex number_of_symbols:int size_of_optional_header:int
 characteristics_hex:hex file_header_hashes:hashes optional_header:{windows-pe-optional-header}
 sections:[{windows-pe-section}]
network-traffic/http-request-ext: request_method*:str!S-178 request_value*:str request_version:str!S-178
 request_header:dict~([str]) message_body_length:int message_body_data_ref:->artifact
network-traffic/icmp-ext: icmp_type_hex*:hex icmp_code_hex*:hex
network-traffic/socket-ext: address_family*:enum=network-socket-address-family-enum is_blocking:bool is_listening:bool
 options:dict^(int)!S-158 socket_type:enum=network-socket-type-enum socket_descriptor:int socket_handle:int
network-traffic/tcp-ext: src_flags_hex:hex dst_flags_hex:hex
process/windows-process-ext: aslr_enabled:bool dep_enabled:bool priority:str!S-166 owner_sid:str window_title:str
 startup_info:dict~(any) integrity_level:enum=windows-integrity-level-enum
process/windows-service-ext: service_name:str descriptions:[str] display_name:str group_name:str
 start_type:enum=windows-service-start-type-enum service_dll_refs:[->file]
 service_type:enum=windows-service-type-enum service_status:enum=windows-service-status-enum
user-account/unix-account-ext: gid:int groups:[str] home_dir:str shell:str
`
