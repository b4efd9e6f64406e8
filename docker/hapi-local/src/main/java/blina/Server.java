package blina;

import ca.uhn.fhir.batch2.config.Batch2JobRegisterer;
import ca.uhn.fhir.batch2.jobs.config.Batch2JobsConfig;
import ca.uhn.fhir.batch2.jobs.export.BulkDataExportProvider;
import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.jpa.api.IDaoRegistry;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings.ClientIdStrategyEnum;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings.IdStrategyEnum;
import ca.uhn.fhir.jpa.api.config.ThreadPoolFactoryConfig;
import ca.uhn.fhir.jpa.api.dao.IFhirSystemDao;
import ca.uhn.fhir.jpa.batch2.JpaBatch2Config;
import ca.uhn.fhir.jpa.binary.api.IBinaryStorageSvc;
import ca.uhn.fhir.jpa.binstore.DatabaseBinaryContentStorageSvcImpl;
import ca.uhn.fhir.jpa.config.HibernatePropertiesProvider;
import ca.uhn.fhir.jpa.config.r4.JpaR4Config;
import ca.uhn.fhir.jpa.config.util.HapiEntityManagerFactoryUtil;
import ca.uhn.fhir.jpa.config.util.ResourceCountCacheUtil;
import ca.uhn.fhir.jpa.model.config.PartitionSettings;
import ca.uhn.fhir.jpa.model.config.SubscriptionSettings;
import ca.uhn.fhir.jpa.provider.DaoRegistryResourceSupportedSvc;
import ca.uhn.fhir.jpa.provider.IJpaSystemProvider;
import ca.uhn.fhir.jpa.provider.JpaCapabilityStatementProvider;
import ca.uhn.fhir.jpa.provider.ValueSetOperationProvider;
import ca.uhn.fhir.jpa.search.DatabaseBackedPagingProvider;
import ca.uhn.fhir.jpa.search.IStaleSearchDeletingSvc;
import ca.uhn.fhir.jpa.search.StaleSearchDeletingSvcImpl;
import ca.uhn.fhir.jpa.subscription.channel.config.SubscriptionChannelConfig;
import ca.uhn.fhir.jpa.subscription.submit.config.SubscriptionSubmitterConfig;
import ca.uhn.fhir.jpa.util.ResourceCountCache;
import ca.uhn.fhir.rest.api.IResourceSupportedSvc;
import ca.uhn.fhir.rest.server.HardcodedServerAddressStrategy;
import ca.uhn.fhir.rest.server.IncomingRequestAddressStrategy;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.provider.ResourceProviderFactory;
import ca.uhn.fhir.rest.server.util.ISearchParamRegistry;
import jakarta.persistence.EntityManagerFactory;
import java.util.Map;
import java.util.Optional;
import javax.sql.DataSource;
import org.hibernate.dialect.Dialect;
import org.springframework.beans.factory.config.AutowireCapableBeanFactory;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.autoconfigure.orm.jpa.HibernateJpaAutoConfiguration;
import org.springframework.boot.autoconfigure.orm.jpa.JpaProperties;
import org.springframework.boot.autoconfigure.quartz.QuartzAutoConfiguration;
import org.springframework.boot.autoconfigure.thymeleaf.ThymeleafAutoConfiguration;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.web.servlet.ServletRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.context.annotation.Primary;
import org.springframework.core.env.Environment;
import org.springframework.orm.jpa.JpaTransactionManager;
import org.springframework.orm.jpa.LocalContainerEntityManagerFactoryBean;

/**
 * HAPI's JPA server for R4 at {@code /fhir}, assembled from Maven artifacts.
 *
 * <p>It reads the settings file that the official image reads ({@code --spring.config.location=}) and obeys
 * the part of {@code hapi.fhir.*} that the file uses.
 */
@SpringBootApplication(
        exclude = {
            HibernateJpaAutoConfiguration.class,
            QuartzAutoConfiguration.class,
            ThymeleafAutoConfiguration.class
        })
@EnableConfigurationProperties(JpaProperties.class)
@Import({
    JpaR4Config.class,
    ThreadPoolFactoryConfig.class,
    JpaBatch2Config.class,
    Batch2JobsConfig.class,
    SubscriptionSubmitterConfig.class,
    SubscriptionChannelConfig.class
})
public class Server {
    private final Environment settings;

    public Server(Environment settings) {
        this.settings = settings;
    }

    public static void main(String[] args) {
        SpringApplication.run(Server.class, args);
    }

    private boolean on(String name, boolean otherwise) {
        return settings.getProperty("hapi.fhir." + name, Boolean.class, otherwise);
    }

    private int number(String name, int otherwise) {
        return settings.getProperty("hapi.fhir." + name, Integer.class, otherwise);
    }

    @Bean
    public JpaStorageSettings jpaStorageSettings() {
        JpaStorageSettings storage = new JpaStorageSettings();
        storage.setResourceClientIdStrategy(settings.getProperty(
                "hapi.fhir.client_id_strategy", ClientIdStrategyEnum.class, ClientIdStrategyEnum.ALPHANUMERIC));
        storage.setResourceServerIdStrategy(settings.getProperty(
                "hapi.fhir.server_id_strategy", IdStrategyEnum.class, IdStrategyEnum.SEQUENTIAL_NUMERIC));
        storage.setEnforceReferentialIntegrityOnWrite(on("enforce_referential_integrity_on_write", true));
        storage.setEnforceReferentialIntegrityOnDelete(on("enforce_referential_integrity_on_delete", true));
        storage.setAutoCreatePlaceholderReferenceTargets(on("auto_create_placeholder_reference_targets", false));
        storage.setAllowExternalReferences(on("allow_external_references", false));
        storage.setAllowMultipleDelete(on("allow_multiple_delete", false));
        storage.setMarkResourcesForReindexingUponSearchParameterChange(
                on("mark_resources_for_reindexing_upon_search_parameter_change", false));
        storage.setDefaultSearchParamsCanBeOverridden(on("allow_override_default_search_params", true));
        storage.setExpungeEnabled(on("expunge_enabled", true));
        storage.setFetchSizeDefaultMaximum(number("max_page_size", 200));
        storage.setExpireSearchResultsAfterMillis(number("retain_cached_searches_mins", 60) * 60_000L);
        storage.setReuseCachedSearchResultsForMillis((long) number("reuse_cached_search_results_millis", 60_000));
        storage.setBulkExportFileRetentionPeriodHours(number("bulk_export_file_retention_period_hours", 2));
        // a job of one chunk goes on at once instead of at the next pass, a minute later
        storage.setJobFastTrackingEnabled(true);
        return storage;
    }

    @Bean
    public PartitionSettings partitionSettings() {
        return new PartitionSettings();
    }

    @Bean
    public SubscriptionSettings subscriptionSettings() {
        return new SubscriptionSettings();
    }

    @Bean
    public IBinaryStorageSvc binaryStorage() {
        return new DatabaseBinaryContentStorageSvcImpl();
    }

    @Bean
    public IStaleSearchDeletingSvc staleSearchDeletingSvc() {
        return new StaleSearchDeletingSvcImpl();
    }

    @Bean
    public IResourceSupportedSvc resourceSupportedSvc(IDaoRegistry registry) {
        return new DaoRegistryResourceSupportedSvc(registry);
    }

    @Bean(name = "myResourceCountsCache")
    public ResourceCountCache resourceCounts(IFhirSystemDao<?, ?> system) {
        return ResourceCountCacheUtil.newResourceCountCache(system);
    }

    @Bean
    public DatabaseBackedPagingProvider pagingProvider() {
        DatabaseBackedPagingProvider paging = new DatabaseBackedPagingProvider();
        paging.setDefaultPageSize(number("default_page_size", 20));
        paging.setMaximumPageSize(number("max_page_size", 200));
        return paging;
    }

    @Primary
    @Bean
    public LocalContainerEntityManagerFactoryBean entityManagerFactory(
            JpaProperties jpa,
            DataSource database,
            ConfigurableListableBeanFactory beans,
            FhirContext fhir,
            JpaStorageSettings storage) {
        LocalContainerEntityManagerFactoryBean factory =
                HapiEntityManagerFactoryUtil.newEntityManagerFactory(beans, fhir, storage);
        Map<String, String> properties = jpa.getProperties();
        properties.putIfAbsent("hibernate.archive.scanner", "org.hibernate.boot.archive.scan.internal.DisabledScanner");
        properties.putIfAbsent(
                "hibernate.implicit_naming_strategy",
                "org.springframework.boot.orm.jpa.hibernate.SpringImplicitNamingStrategy");
        properties.putIfAbsent(
                "hibernate.physical_naming_strategy",
                "org.hibernate.boot.model.naming.CamelCaseToUnderscoresNamingStrategy");
        factory.setPersistenceUnitName("HAPI_PU");
        factory.setJpaPropertyMap(properties);
        factory.setDataSource(database);
        return factory;
    }

    @Primary
    @Bean
    public JpaTransactionManager transactionManager(EntityManagerFactory factory) {
        return new JpaTransactionManager(factory);
    }

    @Primary
    @Bean
    public HibernatePropertiesProvider hibernateProperties(
            LocalContainerEntityManagerFactoryBean factory, JpaProperties jpa, DataSource database) {
        return new HibernatePropertiesProvider() {
            @Override
            public Dialect getDialect() {
                try {
                    String name = jpa.getProperties().get("hibernate.dialect");
                    return (Dialect) Class.forName(name).getDeclaredConstructor().newInstance();
                } catch (ReflectiveOperationException error) {
                    throw new IllegalStateException("hibernate.dialect is not a dialect", error);
                }
            }

            @Override
            public DataSource getDataSource() {
                return database;
            }
        };
    }

    @Bean
    public RestfulServer restfulServer(
            IFhirSystemDao<?, ?> system,
            JpaStorageSettings storage,
            ISearchParamRegistry searchParameters,
            IValidationSupport validation,
            ResourceProviderFactory resources,
            IJpaSystemProvider systemOperations,
            ValueSetOperationProvider valueSets,
            BulkDataExportProvider export,
            DatabaseBackedPagingProvider paging,
            Optional<Batch2JobRegisterer> jobs) {
        RestfulServer server = new RestfulServer(system.getContext());
        server.registerProviders(resources.createProviders());
        server.registerProvider(systemOperations);
        server.registerProvider(valueSets);
        if (on("bulk_export_enabled", false)) {
            server.registerProvider(export);
        }
        JpaCapabilityStatementProvider capability =
                new JpaCapabilityStatementProvider(server, system, storage, searchParameters, validation);
        capability.setImplementationDescription("HAPI FHIR R4 Server, assembled from Maven artifacts");
        server.setServerConformanceProvider(capability);
        server.setPagingProvider(paging);
        String address = settings.getProperty("hapi.fhir.server_address", "");
        server.setServerAddressStrategy(
                address.isEmpty()
                        ? new IncomingRequestAddressStrategy()
                        : new HardcodedServerAddressStrategy(address));
        return server;
    }

    @Bean
    public ServletRegistrationBean<RestfulServer> servlet(RestfulServer server, AutowireCapableBeanFactory beans) {
        beans.autowireBean(server);
        ServletRegistrationBean<RestfulServer> servlet = new ServletRegistrationBean<>(server, "/fhir/*");
        servlet.setLoadOnStartup(1);
        return servlet;
    }
}
