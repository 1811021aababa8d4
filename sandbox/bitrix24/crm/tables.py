"""The fields every new portal has, one line each: UPPER name, camel name, kind, and marks.

Marks: `r` read only, `i` cannot change after creation, `m` several values, `c` only in the classic dialect, `t` only in the
typed one (crm.item), `-` a field the portal no longer fills, `=x` what it is at first.
"""

from __future__ import annotations

UTM = """
UTM_SOURCE utmSource string
UTM_MEDIUM utmMedium string
UTM_CAMPAIGN utmCampaign string
UTM_CONTENT utmContent string
UTM_TERM utmTerm string
"""

DEAL = (
    """
ID id integer r
DATE_CREATE createdTime datetime r
DATE_CREATE_SHORT dateCreateShort string t-
DATE_MODIFY updatedTime datetime r
DATE_MODIFY_SHORT dateModifyShort string t-
CREATED_BY_ID createdBy user r
MODIFY_BY_ID updatedBy user r
ASSIGNED_BY_ID assignedById user
OPENED opened char =Y
LEAD_ID leadId crm_lead r
COMPANY_ID companyId crm_company =0
CONTACT_ID contactId crm_contact =0
QUOTE_ID quoteId crm_quote r
TITLE title string
PRODUCT_ID productId string t-
CATEGORY_ID categoryId crm_category i =0
STAGE_ID stageId crm_status
STAGE_SEMANTIC_ID stageSemanticId string r
IS_NEW isNew char r =Y
IS_RECURRING isRecurring char =N
IS_RETURN_CUSTOMER isReturnCustomer char =N
IS_REPEATED_APPROACH isRepeatedApproach char =N
CLOSED closed char =N
TYPE_ID typeId crm_status =SALE
OPPORTUNITY opportunity double =0
IS_MANUAL_OPPORTUNITY isManualOpportunity char =N
TAX_VALUE taxValue double =0
CURRENCY_ID currencyId crm_currency =RUB
PROBABILITY probability integer
COMMENTS comments text =
BEGINDATE begindate date
BEGINDATE_SHORT begindateShort string t-
CLOSEDATE closedate date
CLOSEDATE_SHORT closedateShort string t-
EVENT_DATE eventDate string t-
EVENT_DATE_SHORT eventDateShort string t-
EVENT_ID eventId string t-
EVENT_DESCRIPTION eventDescription string t-
LOCATION_ID locationId location
WEBFORM_ID webformId integer t
SOURCE_ID sourceId crm_status
SOURCE_DESCRIPTION sourceDescription text =
ORIGINATOR_ID originatorId string
ORIGIN_ID originId string
ADDITIONAL_INFO additionalInfo text
SEARCH_CONTENT searchContent string tr
ORDER_STAGE orderStage string t-
MOVED_BY_ID movedBy user r
MOVED_TIME movedTime datetime r
LAST_ACTIVITY_BY lastActivityBy user r
LAST_ACTIVITY_TIME lastActivityTime datetime r
IS_WORK isWork string t-
IS_WON isWon string t-
IS_LOSE isLose string t-
RECEIVED_AMOUNT receivedAmount string t-
LOST_AMOUNT lostAmount string t-
HAS_PRODUCTS hasProducts string t-
"""
    + UTM
    + """
OBSERVERS observers user tm
CONTACT_IDS contactIds crm_contact tm
"""
)

LEAD = (
    """
ID id integer r
DATE_CREATE createdTime datetime r
DATE_CREATE_SHORT dateCreateShort string t-
DATE_MODIFY updatedTime datetime r
DATE_MODIFY_SHORT dateModifyShort string t-
CREATED_BY_ID createdBy user r
MODIFY_BY_ID updatedBy user r
ASSIGNED_BY_ID assignedById user
OPENED opened char =Y
COMPANY_ID companyId crm_company
CONTACT_ID contactId crm_contact
STATUS_ID stageId crm_status
STATUS_DESCRIPTION statusDescription text
STATUS_SEMANTIC_ID stageSemanticId string r
OPPORTUNITY opportunity double =0
IS_MANUAL_OPPORTUNITY isManualOpportunity char =N
CURRENCY_ID currencyId crm_currency =RUB
SOURCE_ID sourceId crm_status
SOURCE_DESCRIPTION sourceDescription text
TITLE title string
HONORIFIC honorific crm_status
NAME name string
SECOND_NAME secondName string
LAST_NAME lastName string
COMPANY_TITLE companyTitle string
POST post string
COMMENTS comments text
BIRTHDATE birthdate date
ORIGINATOR_ID originatorId string
ORIGIN_ID originId string
DATE_CLOSED dateClosed datetime r
HAS_PHONE hasPhone char r =N
HAS_EMAIL hasEmail char r =N
HAS_IMOL hasImol char r =N
IS_RETURN_CUSTOMER isReturnCustomer char r =N
ADDRESS address string
WEBFORM_ID webformId integer t
SEARCH_CONTENT searchContent string tr
MOVED_BY_ID movedBy user r
MOVED_TIME movedTime datetime r
LAST_ACTIVITY_BY lastActivityBy user r
LAST_ACTIVITY_TIME lastActivityTime datetime r
"""
    + UTM
    + """
OBSERVERS observers user tm
CONTACT_IDS contactIds crm_contact tm
"""
)

ADDRESS = """
ADDRESS address string
ADDRESS_2 address2 string
ADDRESS_CITY addressCity string
ADDRESS_POSTAL_CODE addressPostalCode string
ADDRESS_REGION addressRegion string
ADDRESS_PROVINCE addressProvince string
ADDRESS_COUNTRY addressCountry string
ADDRESS_LOC_ADDR_ID addressLocAddrId integer
"""

CONTACT = (
    """
ID id integer r
DATE_CREATE createdTime datetime r
DATE_MODIFY updatedTime datetime r
CREATED_BY_ID createdBy user r
MODIFY_BY_ID updatedBy user r
ASSIGNED_BY_ID assignedById user
OPENED opened char =Y
POST post string
COMMENTS comments text
HONORIFIC honorific crm_status
NAME name string
SECOND_NAME secondName string
LAST_NAME lastName string
PHOTO photo file
LEAD_ID leadId crm_lead r
TYPE_ID typeId crm_status =CLIENT
SOURCE_ID sourceId crm_status
SOURCE_DESCRIPTION sourceDescription text
COMPANY_ID companyId crm_company
BIRTHDATE birthdate date
EXPORT export char =Y
HAS_PHONE hasPhone char r =N
HAS_EMAIL hasEmail char r =N
HAS_IMOL hasImol char r =N
ORIGINATOR_ID originatorId string
ORIGIN_ID originId string
ORIGIN_VERSION originVersion string
FACE_ID faceId integer
CATEGORY_ID categoryId crm_category tr =0
LAST_ACTIVITY_TIME lastActivityTime datetime r
LAST_ACTIVITY_BY lastActivityBy user r
"""
    + ADDRESS
    + UTM
    + """
OBSERVERS observers user tm
COMPANY_IDS companyIds crm_company tm
"""
)

COMPANY = (
    """
ID id integer r
COMPANY_TYPE typeId crm_status =CUSTOMER
TITLE title string
LOGO logo file
LEAD_ID leadId crm_lead r
HAS_PHONE hasPhone char r =N
HAS_EMAIL hasEmail char r =N
HAS_IMOL hasImol char r =N
ASSIGNED_BY_ID assignedById user
CREATED_BY_ID createdBy user r
MODIFY_BY_ID updatedBy user r
BANKING_DETAILS bankingDetails text
INDUSTRY industry crm_status
REVENUE revenue double =0
CURRENCY_ID currencyId crm_currency =RUB
EMPLOYEES employees crm_status
COMMENTS comments text
DATE_CREATE createdTime datetime r
DATE_MODIFY updatedTime datetime r
OPENED opened char =Y
IS_MY_COMPANY isMyCompany char =N
ORIGINATOR_ID originatorId string
ORIGIN_ID originId string
ORIGIN_VERSION originVersion string
CATEGORY_ID categoryId crm_category tr =0
LAST_ACTIVITY_BY lastActivityBy user r
LAST_ACTIVITY_TIME lastActivityTime datetime r
"""
    + ADDRESS
    + UTM
    + """
OBSERVERS observers user tm
CONTACT_IDS contactIds crm_contact tm
"""
)

#: A smart process. Its own switches (clients, sources, dates …) are not looked at: all fields are there.
DYNAMIC = """
ID id integer tr
XML_ID xmlId string t
TITLE title string t
CREATED_BY createdBy user tr
UPDATED_BY updatedBy user tr
MOVED_BY movedBy user tr
CREATED_TIME createdTime datetime tr
UPDATED_TIME updatedTime datetime tr
MOVED_TIME movedTime datetime tr
CATEGORY_ID categoryId crm_category t
OPENED opened char t=Y
STAGE_ID stageId crm_status t
PREVIOUS_STAGE_ID previousStageId crm_status tr=
BEGINDATE begindate date t
CLOSEDATE closedate date t
COMPANY_ID companyId crm_company t=0
CONTACT_ID contactId crm_contact t=0
OPPORTUNITY opportunity double t=0
IS_MANUAL_OPPORTUNITY isManualOpportunity char t=N
TAX_VALUE taxValue double t=0
CURRENCY_ID currencyId crm_currency t=RUB
MYCOMPANY_ID mycompanyId crm_company t=0
SOURCE_ID sourceId crm_status t
SOURCE_DESCRIPTION sourceDescription text t
WEBFORM_ID webformId integer t
LAST_ACTIVITY_BY lastActivityBy user tr
LAST_ACTIVITY_TIME lastActivityTime datetime tr
ASSIGNED_BY_ID assignedById user t
UTM_SOURCE utmSource string t
UTM_MEDIUM utmMedium string t
UTM_CAMPAIGN utmCampaign string t
UTM_CONTENT utmContent string t
UTM_TERM utmTerm string t
OBSERVERS observers user tm
CONTACT_IDS contactIds crm_contact tm
"""
