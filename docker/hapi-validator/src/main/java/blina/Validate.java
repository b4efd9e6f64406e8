package blina;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.parser.IParser;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import ca.uhn.fhir.validation.SingleValidationMessage;
import ca.uhn.fhir.validation.ValidationResult;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.instance.model.api.IBaseResource;
import org.hl7.fhir.r4.model.CodeSystem;
import org.hl7.fhir.r4.model.OperationOutcome;
import org.hl7.fhir.r4.model.OperationOutcome.IssueSeverity;
import org.hl7.fhir.r4.model.OperationOutcome.IssueType;
import org.hl7.fhir.r4.model.StructureDefinition;
import org.hl7.fhir.r4.model.ValueSet;

/**
 * Validates every resource of NDJSON files with HAPI's FhirInstanceValidator.
 *
 * <p>{@code java -jar hapi-validator.jar OUTPUT NDJSON-FOLDER [PROFILE-FOLDER ...]}. A profile folder holds
 * CodeSystem, ValueSet and StructureDefinition as JSON files. OUTPUT becomes one OperationOutcome a line, in
 * the order of the files and lines; the {@code location} of each issue is {@code file:line}.
 * Exit 0 when everything was judged, whatever the judgement.
 */
public final class Validate {
    private static final FhirContext FHIR = FhirContext.forR4Cached();

    private Validate() {}

    public static void main(String[] args) throws IOException {
        PrePopulatedValidationSupport own = new PrePopulatedValidationSupport(FHIR);
        for (int i = 2; i < args.length; i++) {
            for (Path file : files(Path.of(args[i]), ".json")) {
                load(own, file);
            }
        }
        ValidationSupportChain chain = new ValidationSupportChain(
                new DefaultProfileValidationSupport(FHIR),
                own,
                new CommonCodeSystemsTerminologyService(FHIR),
                new InMemoryTerminologyServerValidationSupport(FHIR),
                new SnapshotGeneratingValidationSupport(FHIR));
        FhirInstanceValidator rules = new FhirInstanceValidator(chain);
        rules.setAnyExtensionsAllowed(false);
        rules.setErrorForUnknownProfiles(true);
        FhirValidator validator = FHIR.newValidator().registerValidatorModule(rules);
        IParser writer = FHIR.newJsonParser();
        try (BufferedWriter output = Files.newBufferedWriter(Path.of(args[0]))) {
            for (Path file : files(Path.of(args[1]), ".ndjson")) {
                validate(validator, file, writer, output);
            }
        }
    }

    private static List<Path> files(Path folder, String ending) throws IOException {
        try (Stream<Path> paths = Files.walk(folder)) {
            return paths.filter(path -> path.toString().endsWith(ending)).sorted().toList();
        }
    }

    private static void load(PrePopulatedValidationSupport own, Path file) throws IOException {
        IBaseResource resource = FHIR.newJsonParser().parseResource(Files.readString(file));
        if (resource instanceof CodeSystem || resource instanceof ValueSet
                || resource instanceof StructureDefinition) {
            own.addResource(resource);
        }
    }

    private static void validate(FhirValidator validator, Path file, IParser writer, BufferedWriter output)
            throws IOException {
        try (BufferedReader lines = Files.newBufferedReader(file)) {
            int number = 0;
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                number++;
                OperationOutcome outcome = judge(validator, line);
                String location = file.getFileName() + ":" + number;
                outcome.getIssue().forEach(issue -> issue.addLocation(location));
                output.write(writer.encodeResourceToString(outcome));
                output.newLine();
            }
        }
    }

    private static OperationOutcome judge(FhirValidator validator, String line) {
        OperationOutcome outcome = new OperationOutcome();
        ValidationResult result;
        try {
            result = validator.validateWithResult(line);
        } catch (RuntimeException error) {
            outcome.addIssue().setSeverity(IssueSeverity.FATAL).setCode(IssueType.STRUCTURE)
                    .setDiagnostics(error.getClass().getSimpleName() + ": " + error.getMessage());
            return outcome;
        }
        List<SingleValidationMessage> messages = new ArrayList<>(result.getMessages());
        for (SingleValidationMessage message : messages) {
            ResultSeverityEnum severity = message.getSeverity();
            OperationOutcome.OperationOutcomeIssueComponent issue = outcome.addIssue()
                    .setSeverity(IssueSeverity.fromCode(severity.getCode()))
                    .setCode(IssueType.INVALID)
                    .setDiagnostics(message.getMessage());
            if (message.getLocationString() != null) {
                issue.addExpression(message.getLocationString());
            }
            if (message.getMessageId() != null) {
                issue.getDetails().addCoding().setSystem("http://hl7.org/fhir/java-core-messageId")
                        .setCode(message.getMessageId());
            }
        }
        return outcome;
    }
}
