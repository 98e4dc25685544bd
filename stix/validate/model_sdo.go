package validate

import "github.com/accord-taxii/accord/stix"

// The notation of the model is `name*:what`, with a star if the property is required; [what] is a list. What is one of
//
//	str int float bool ts hex bin hashes   the common types of section 2 (ts: timestamp)
//	ov=V enum=V                            a value of an open vocabulary, of a closed enumeration (section 10)
//	->a,b                                  an identifier that names an object of these types or categories
//	dict(T) dict~(T) dict^(T)              a dictionary; ~: its keys are names from outside STIX, ^: they keep their case
//	{structure}                            a structure of nestedModel
//	any extensions container
//
// and !S-nnn adds a rule on the value. References are under S-144 unless a rule is named.

// commonModel lists the common properties of each category (section 3.2).
var commonModel = map[stix.Category]string{
	stix.SDO: commonSDO,
	stix.SRO: commonSDO,
	stix.SCO: `type*:str spec_version:str id*:str object_marking_refs:[->marking-definition!S-056]
		granular_markings:[{granular-marking}] defanged:bool extensions:extensions`,
}

const commonSDO = `type*:str spec_version*:str id*:str created_by_ref:->identity!S-052 created*:ts!S-025 modified*:ts!S-025
	revoked:bool labels:[str] confidence:int lang:str!S-054 external_references:[{external-reference}]
	object_marking_refs:[->marking-definition!S-056] granular_markings:[{granular-marking}] extensions:extensions`

// nestedModel lists the structures nested in others.
const nestedModel = `
external-reference: source_name*:str description:str url:str!S-048 hashes:hashes external_id:str
kill-chain-phase: kill_chain_name*:str!S-045 phase_name*:str!S-045
granular-marking: selectors*:[str!S-060!S-061] marking_ref:->marking-definition!S-058 lang:str!S-059
email-mime-part: body:str body_raw_ref:->artifact,file content_type:str content_disposition:str
windows-registry-value: name:str data:str data_type:enum=windows-registry-datatype-enum
x509-v3-extensions: basic_constraints:str name_constraints:str policy_constraints:str key_usage:str extended_key_usage:str
 subject_key_identifier:str authority_key_identifier:str subject_alternative_name:str issuer_alternative_name:str
 subject_directory_attributes:str crl_distribution_points:str inhibit_any_policy:str
 private_key_usage_period_not_before:ts private_key_usage_period_not_after:ts certificate_policies:str policy_mappings:str
alternate-data-stream: name*:str hashes:hashes size:int
windows-pe-optional-header: magic_hex:hex major_linker_version:int minor_linker_version:int size_of_code:int
 size_of_initialized_data:int size_of_uninitialized_data:int address_of_entry_point:int base_of_code:int base_of_data:int
 image_base:int section_alignment:int file_alignment:int major_os_version:int minor_os_version:int
 major_image_version:int minor_image_version:int major_subsystem_version:int minor_subsystem_version:int
 win32_version_value_hex:hex size_of_image:int size_of_headers:int checksum_hex:hex dll_characteristics_hex:hex
 subsystem_hex:hex size_of_stack_reserve:int size_of_stack_commit:int size_of_heap_reserve:int size_of_heap_commit:int
 loader_flags_hex:hex number_of_rva_and_sizes:int hashes:hashes
windows-pe-section: name*:str size:int entropy:float hashes:hashes
`

// sdoModel lists the STIX Domain Objects (section 4).
const sdoModel = `
attack-pattern: name*:str description:str aliases:[str] kill_chain_phases:[{kill-chain-phase}]
campaign: name*:str description:str aliases:[str] first_seen:ts last_seen:ts objective:str
course-of-action: name*:str description:str
grouping: name:str description:str context*:ov=grouping-context-ov object_refs*:[->any!S-127]
identity: name*:str description:str roles:[str] identity_class:ov=identity-class-ov sectors:[ov=industry-sector-ov]
 contact_information:str
incident: name*:str description:str
indicator: name:str description:str indicator_types:[ov=indicator-type-ov] pattern*:str pattern_type*:ov=pattern-type-ov
 pattern_version:str valid_from*:ts valid_until:ts kill_chain_phases:[{kill-chain-phase}]
infrastructure: name*:str description:str infrastructure_types:[ov=infrastructure-type-ov] aliases:[str]
 kill_chain_phases:[{kill-chain-phase}] first_seen:ts last_seen:ts
intrusion-set: name*:str description:str aliases:[str] first_seen:ts last_seen:ts goals:[str]
 resource_level:ov=attack-resource-level-ov primary_motivation:ov=attack-motivation-ov
 secondary_motivations:[ov=attack-motivation-ov]
location: name:str description:str latitude:float longitude:float precision:float region:ov=region-ov country:str
 administrative_area:str city:str street_address:str postal_code:str
malware: name:str description:str malware_types:[ov=malware-type-ov] is_family*:bool aliases:[str]
 kill_chain_phases:[{kill-chain-phase}] first_seen:ts last_seen:ts operating_system_refs:[->software!S-128]
 architecture_execution_envs:[ov=processor-architecture-ov] implementation_languages:[ov=implementation-language-ov]
 capabilities:[ov=malware-capabilities-ov] sample_refs:[->file,artifact!S-129]
malware-analysis: product*:str version:str host_vm_ref:->software!S-128 operating_system_ref:->software!S-128
 installed_software_refs:[->software!S-128] configuration_version:str modules:[str] analysis_engine_version:str
 analysis_definition_version:str submitted:ts analysis_started:ts analysis_ended:ts result_name:str
 result:ov=malware-result-ov analysis_sco_refs:[->SCO!S-129] sample_ref:->file,network-traffic,artifact!S-129
note: abstract:str content*:str authors:[str] object_refs*:[->any!S-127]
observed-data: first_observed*:ts last_observed*:ts number_observed*:int objects:container object_refs:[->SCO,SRO!S-122]
opinion: explanation:str authors:[str] opinion*:enum=opinion-enum object_refs*:[->any!S-127]
report: name*:str description:str report_types:[ov=report-type-ov] published*:ts object_refs*:[->any!S-127]
threat-actor: name*:str description:str threat_actor_types:[ov=threat-actor-type-ov] aliases:[str] first_seen:ts
 last_seen:ts roles:[ov=threat-actor-role-ov] goals:[str] sophistication:ov=threat-actor-sophistication-ov
 resource_level:ov=attack-resource-level-ov primary_motivation:ov=attack-motivation-ov
 secondary_motivations:[ov=attack-motivation-ov] personal_motivations:[ov=attack-motivation-ov]
tool: name*:str description:str tool_types:[ov=tool-type-ov] aliases:[str] kill_chain_phases:[{kill-chain-phase}]
 tool_version:str
vulnerability: name*:str description:str
`

// sroModel lists the STIX Relationship Objects (section 5).
const sroModel = `
relationship: relationship_type*:str description:str source_ref*:->SDO,SCO!S-131 target_ref*:->SDO,SCO!S-131 start_time:ts
 stop_time:ts
sighting: description:str first_seen:ts last_seen:ts count:int sighting_of_ref*:->SDO!S-134
 observed_data_refs:[->observed-data!S-135] where_sighted_refs:[->identity,location!S-136] summary:bool
`

// smoModel lists the STIX Meta Objects (section 7) with the common properties that apply to each.
const smoModel = `
extension-definition: type*:str spec_version*:str id*:str created_by_ref*:->identity!S-052 created*:ts!S-025
 modified*:ts!S-025 revoked:bool labels:[str] external_references:[{external-reference}]
 object_marking_refs:[->marking-definition!S-056] granular_markings:[{granular-marking}]
 name*:str description:str schema*:str version*:str extension_types*:[enum=extension-type-enum] extension_properties:[str]
language-content: type*:str spec_version*:str id*:str created_by_ref:->identity!S-052 created*:ts!S-025
 modified*:ts!S-025 revoked:bool labels:[str] confidence:int external_references:[{external-reference}]
 object_marking_refs:[->marking-definition!S-056] granular_markings:[{granular-marking}] extensions:extensions
 object_ref*:->any!S-180 object_modified:ts contents*:any!S-181
marking-definition: type*:str spec_version*:str id*:str created_by_ref:->identity!S-052 created*:ts!S-025
 external_references:[{external-reference}] object_marking_refs:[->marking-definition!S-056]
 granular_markings:[{granular-marking}] extensions:extensions
 name:str definition_type:str definition:any
`
