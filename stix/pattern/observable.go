package pattern

// observables lists the properties of Cyber-observable Objects (sections 6.1 to 6.18), as far as object paths and
// constants depend on them. A line is the name of an object type, of a predefined extension (`type/name-ext`) or of a
// nested type, then its properties as `name,name:form`. The forms:
//
//	str int float bool ts hex bin   the common types; enumerations, vocabularies and identifiers are str
//	num                             integer or string, as some dictionaries hold both
//	>a,b                            reference to objects of these types; >* to any observable; >? outside of observables
//	[form]                          list
//	{form}                          dictionary; {} of anything
//	=name                           the nested type of that name
const observables = `
common type,id,spec_version:str object_marking_refs:[>?] granular_markings:[=granular-marking] defanged:bool

artifact mime_type:str payload_bin:bin url:str hashes:{str} encryption_algorithm,decryption_key:str
autonomous-system number:int name,rir:str
directory path,path_enc:str ctime,mtime,atime:ts contains_refs:[>file,directory]
domain-name value:str resolves_to_refs:[>ipv4-addr,ipv6-addr,domain-name]
email-addr value,display_name:str belongs_to_ref:>user-account
email-message is_multipart:bool date:ts content_type:str from_ref,sender_ref:>email-addr to_refs,cc_refs,bcc_refs:[>email-addr] message_id,subject:str received_lines:[str] additional_header_fields:{[str]} body:str body_multipart:[=mime-part] raw_email_ref:>artifact
file hashes:{str} size:int name,name_enc:str magic_number_hex:hex mime_type:str ctime,mtime,atime:ts parent_directory_ref:>directory contains_refs:[>*] content_ref:>artifact
ipv4-addr value:str resolves_to_refs:[>mac-addr] belongs_to_refs:[>autonomous-system]
ipv6-addr value:str resolves_to_refs:[>mac-addr] belongs_to_refs:[>autonomous-system]
mac-addr value:str
mutex name:str
network-traffic start,end:ts is_active:bool src_ref,dst_ref:>ipv4-addr,ipv6-addr,mac-addr,domain-name src_port,dst_port:int protocols:[str] src_byte_count,dst_byte_count,src_packets,dst_packets:int ipfix:{num} src_payload_ref,dst_payload_ref:>artifact encapsulates_refs:[>network-traffic] encapsulated_by_ref:>network-traffic
process is_hidden:bool pid:int created_time:ts cwd,command_line:str environment_variables:{str} opened_connection_refs:[>network-traffic] creator_user_ref:>user-account image_ref:>file parent_ref:>process child_refs:[>process]
software name,cpe,swid:str languages:[str] vendor,version:str
url value:str
user-account user_id,credential,account_login,account_type,display_name:str is_service_account,is_privileged,can_escalate_privs,is_disabled:bool account_created,account_expires,credential_last_changed,account_first_login,account_last_login:ts
windows-registry-key key:str values:[=registry-value] modified_time:ts creator_user_ref:>user-account number_of_subkeys:int
x509-certificate is_self_signed:bool hashes:{str} version,serial_number,signature_algorithm,issuer:str validity_not_before,validity_not_after:ts subject,subject_public_key_algorithm,subject_public_key_modulus:str subject_public_key_exponent:int x509_v3_extensions:=x509-v3

file/archive-ext contains_refs:[>file,directory] comment:str
file/ntfs-ext sid:str alternate_data_streams:[=data-stream]
file/pdf-ext version:str is_optimized:bool document_info_dict:{str} pdfid0,pdfid1:str
file/raster-image-ext image_height,image_width,bits_per_pixel:int exif_tags:{num}
file/windows-pebinary-ext pe_type,imphash:str machine_hex:hex number_of_sections:int time_date_stamp:ts pointer_to_symbol_table_hex:hex number_of_symbols,size_of_optional_header:int characteristics_hex:hex file_header_hashes:{str} optional_header:=pe-header sections:[=pe-section]
network-traffic/http-request-ext request_method,request_value,request_version:str request_header:{[str]} message_body_length:int message_body_data_ref:>artifact
network-traffic/icmp-ext icmp_type_hex,icmp_code_hex:hex
network-traffic/socket-ext address_family:str is_blocking,is_listening:bool options:{int} socket_type:str socket_descriptor,socket_handle:int
network-traffic/tcp-ext src_flags_hex,dst_flags_hex:hex
process/windows-process-ext aslr_enabled,dep_enabled:bool priority,owner_sid,window_title:str startup_info:{} integrity_level:str
process/windows-service-ext service_name:str descriptions:[str] display_name,group_name,start_type:str service_dll_refs:[>file] service_type,service_status:str
user-account/unix-account-ext gid:int groups:[str] home_dir,shell:str

granular-marking selectors:[str] marking_ref:>? lang:str
mime-part body:str body_raw_ref:>artifact,file content_type,content_disposition:str
registry-value name,data,data_type:str
x509-v3 basic_constraints,name_constraints,policy_constraints,key_usage,extended_key_usage,subject_key_identifier,authority_key_identifier,subject_alternative_name,issuer_alternative_name,subject_directory_attributes,crl_distribution_points,inhibit_any_policy:str private_key_usage_period_not_before,private_key_usage_period_not_after:ts certificate_policies,policy_mappings:str
data-stream name:str hashes:{str} size:int
pe-header magic_hex,win32_version_value_hex,checksum_hex,subsystem_hex,dll_characteristics_hex,loader_flags_hex:hex size_of_code,size_of_initialized_data,size_of_uninitialized_data,size_of_image,size_of_headers,size_of_stack_reserve,size_of_stack_commit,size_of_heap_reserve,size_of_heap_commit,major_linker_version,minor_linker_version,address_of_entry_point,base_of_code,base_of_data,image_base,section_alignment,file_alignment,major_os_version,minor_os_version,major_image_version,minor_image_version,major_subsystem_version,minor_subsystem_version,number_of_rva_and_sizes:int hashes:{str}
pe-section name:str size:int entropy:float hashes:{str}
`
