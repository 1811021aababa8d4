"""The WSDL: one document with all eight services, served at `?wsdl` of each."""

from __future__ import annotations

from sandbox.backoffice.tables import SERVICE_OPERATIONS
from sandbox.backoffice.xml_in import NAMESPACE, SCHEMA_FILE
from sandbox.backoffice.xml_out import escape

SCHEMA_TEXT = SCHEMA_FILE.read_text(encoding="utf-8")
HEAD = f"""<?xml version="1.0" encoding="utf-8"?>
<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
 xmlns:t="{NAMESPACE}" xmlns:xsd="http://www.w3.org/2001/XMLSchema" targetNamespace="{NAMESPACE}" name="BackOffice">
<wsdl:types>
{SCHEMA_TEXT}</wsdl:types>
<wsdl:message name="ServiceFault"><wsdl:part name="fault" element="t:ServiceFault"/></wsdl:message>
"""


def port_of(service: str) -> str:
    """PositionService has the port Position."""
    return service.removesuffix("Service")


def document(base: str) -> str:
    """`base` is the address up to `/bo`."""
    return HEAD + "".join(_service(base, service, names) for service, names in SERVICE_OPERATIONS.items()) + END


END = "</wsdl:definitions>\n"


def _service(base: str, service: str, operations: tuple[str, ...]) -> str:
    port = port_of(service)
    messages = "".join(
        f'<wsdl:message name="{one}In"><wsdl:part name="parameters" element="t:{one}"/></wsdl:message>\n'
        f'<wsdl:message name="{one}Out"><wsdl:part name="parameters" element="t:{one}Response"/></wsdl:message>\n'
        for one in operations
    )
    abstract = "".join(
        f'<wsdl:operation name="{one}"><wsdl:input message="t:{one}In"/><wsdl:output message="t:{one}Out"/>'
        f'<wsdl:fault name="ServiceFault" message="t:ServiceFault"/></wsdl:operation>\n'
        for one in operations
    )
    literal = '<soap:body use="literal"/>'
    concrete = "".join(
        f'<wsdl:operation name="{one}"><soap:operation soapAction="{NAMESPACE}/{one}" style="document"/>'
        f"<wsdl:input>{literal}</wsdl:input><wsdl:output>{literal}</wsdl:output>"
        f'<wsdl:fault name="ServiceFault"><soap:fault name="ServiceFault" use="literal"/></wsdl:fault></wsdl:operation>\n'
        for one in operations
    )
    return f"""{messages}<wsdl:portType name="{port}PortType">
{abstract}</wsdl:portType>
<wsdl:binding name="{port}Binding" type="t:{port}PortType">
<soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
{concrete}</wsdl:binding>
<wsdl:service name="{service}"><wsdl:port name="{port}" binding="t:{port}Binding">
<soap:address location="{escape(base)}/{service}"/></wsdl:port></wsdl:service>
"""
