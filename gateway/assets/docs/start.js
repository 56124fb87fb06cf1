// Shows the OpenAPI document that lies beside this script.
SwaggerUIBundle({
  url: new URL("openapi.json", document.currentScript.src).href,
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  // Nothing is sent anywhere but to the gateway, and a link cannot have the page show somebody else's document.
  validatorUrl: null,
  queryConfigEnabled: false,
});
