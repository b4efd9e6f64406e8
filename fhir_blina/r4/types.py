"""The resource types of FHIR R4. Only these become file names and paths of URLs."""

from __future__ import annotations

import re
from typing import Any

from fhir_blina.errors import StoreRefused
from fhir_blina.files import Resource

RESOURCE_TYPES = frozenset(
    """
Account ActivityDefinition AdverseEvent AllergyIntolerance Appointment AppointmentResponse
AuditEvent Basic Binary BiologicallyDerivedProduct BodyStructure Bundle CapabilityStatement CarePlan
CareTeam CatalogEntry ChargeItem ChargeItemDefinition Claim ClaimResponse ClinicalImpression
CodeSystem Communication CommunicationRequest CompartmentDefinition Composition ConceptMap Condition
Consent Contract Coverage CoverageEligibilityRequest CoverageEligibilityResponse DetectedIssue
Device DeviceDefinition DeviceMetric DeviceRequest DeviceUseStatement DiagnosticReport
DocumentManifest DocumentReference EffectEvidenceSynthesis Encounter Endpoint EnrollmentRequest
EnrollmentResponse EpisodeOfCare EventDefinition Evidence EvidenceVariable ExampleScenario
ExplanationOfBenefit FamilyMemberHistory Flag Goal GraphDefinition Group GuidanceResponse
HealthcareService ImagingStudy Immunization ImmunizationEvaluation ImmunizationRecommendation
ImplementationGuide InsurancePlan Invoice Library Linkage List Location Measure MeasureReport Media
Medication MedicationAdministration MedicationDispense MedicationKnowledge MedicationRequest
MedicationStatement MedicinalProduct MedicinalProductAuthorization MedicinalProductContraindication
MedicinalProductIndication MedicinalProductIngredient MedicinalProductInteraction
MedicinalProductManufactured MedicinalProductPackaged MedicinalProductPharmaceutical
MedicinalProductUndesirableEffect MessageDefinition MessageHeader MolecularSequence NamingSystem
NutritionOrder Observation ObservationDefinition OperationDefinition OperationOutcome Organization
OrganizationAffiliation Parameters Patient PaymentNotice PaymentReconciliation Person PlanDefinition
Practitioner PractitionerRole Procedure Provenance Questionnaire QuestionnaireResponse RelatedPerson
RequestGroup ResearchDefinition ResearchElementDefinition ResearchStudy ResearchSubject
RiskAssessment RiskEvidenceSynthesis Schedule SearchParameter ServiceRequest Slot Specimen
SpecimenDefinition StructureDefinition StructureMap Subscription Substance SubstanceNucleicAcid
SubstancePolymer SubstanceProtein SubstanceReferenceInformation SubstanceSourceMaterial
SubstanceSpecification SupplyDelivery SupplyRequest Task TerminologyCapabilities TestReport
TestScript ValueSet VerificationResult VisionPrescription
""".split()  # noqa: SIM905 - a list of one name a line says no more
)

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def key_of(resource: Resource, where: str = "") -> str:
    """``Type/id`` of a resource.

    Args:
        resource: The resource.
        where: ``file:line`` for the message.

    Raises:
        StoreRefused: not a type of R4, not a legal id, or labels that are none.
    """
    kind, name = resource.get("resourceType"), resource.get("id")
    start = f"{where}: " if where else ""
    if not isinstance(kind, str) or kind not in RESOURCE_TYPES:
        raise StoreRefused(f"{start}not a resource type of FHIR R4")
    if not isinstance(name, str) or not _ID.fullmatch(name):
        raise StoreRefused(
            f"{start}a {kind} has no legal id: 1 to 64 letters, digits, hyphens and full stops"
        )
    if not is_labelled(resource):
        raise StoreRefused(
            f"{start}meta of {kind}/{name} is no object whose tag and security are lists of codings"
        )
    return f"{kind}/{name}"


def is_legal(kind: str, name: str) -> bool:
    """Whether it is a type of R4 and a legal id."""
    return kind in RESOURCE_TYPES and _ID.fullmatch(name) is not None


def is_labelled(resource: Resource) -> bool:
    """Whether ``meta`` is missing, or an object whose tag and security are lists of codings."""
    meta: Any = resource.get("meta", {})
    if not isinstance(meta, dict):
        return False
    lists = [meta.get(name, []) for name in ("tag", "security")]
    return all(isinstance(labels, list) for labels in lists) and all(
        isinstance(label, dict) and all(isinstance(label.get(name, ""), str) for name in ("system", "code"))
        for labels in lists
        for label in labels
    )
